// Data stores under attack: databases of two embedded servers, which all nodes and writers serve as processes. What belongs to
// one store is a scene of its own: its database, its server, and the processes as its requests see them.

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { migrate } from 'sluice/internal/store';
import { execute } from '../support/postgres.ts';
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { Evidence } from './check-deployment.ts';
import { modelFile } from './deployment.ts';
import type { Scene } from './faults.ts';
import { Member, type MemberView } from './member.ts';
import { rowTables, rowTargets } from './row-tables.ts';
import { Server } from './server.ts';

export interface StoreScene extends Scene, Evidence {
  readonly name: string;
  readonly server: Server;
}

export interface StoresOptions {
  stores: number;
  nodes: readonly ('coordinated' | 'direct')[];
  writers: number;
}

const serverNames = ['first', 'second'];

export class StoresDeployment {
  readonly folder: string;
  readonly scenes: StoreScene[] = [];
  readonly servers: Server[] = [];
  readonly #nodes: Member[] = [];
  readonly #writers: Member[] = [];
  readonly #proxies: TcpProxy[] = [];
  /** Those of each process, by server. */
  readonly #proxiesOf = new Map<Member, Proxies[]>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(options: StoresOptions): Promise<StoresDeployment> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-chaos-stores-'));
    // PostgreSQL may have to run as somebody else.
    await chmod(folder, 0o711);
    const deployment = new StoresDeployment(folder);
    try {
      await deployment.#begin(options);
    } catch (error) {
      await deployment.stop();
      throw error;
    }
    return deployment;
  }

  get #members(): Member[] {
    return [...this.#nodes, ...this.#writers];
  }

  get #logFolder(): string {
    return join(this.folder, 'logs');
  }

  get #storesFile(): string {
    return join(this.folder, 'stores.json');
  }

  get #configFile(): string {
    return join(this.folder, 'sluice.config.json');
  }

  async #begin({ stores, nodes, writers }: StoresOptions): Promise<void> {
    for (const name of serverNames) this.servers.push(await Server.start(join(this.folder, name)));
    await mkdir(this.#logFolder);
    const names = Array.from({ length: stores }, (_, index) => `s${index}`);
    for (const [index, name] of names.entries()) await this.#addScene(name, index % this.servers.length);
    const entries = names.map((name) => [
      name,
      { databaseUrlVariable: name, listenUrlVariable: `${name}_l` },
    ]);
    await writeFile(this.#storesFile, JSON.stringify({ stores: Object.fromEntries(entries) }));
    await writeFile(this.#configFile, JSON.stringify({ targets: rowTargets }));
    for (const [index, mode] of nodes.entries()) {
      const args = ['api', '--mode', mode, '--host', '127.0.0.1', '--port', '0'];
      this.#nodes.push(await this.#member(`${mode}-${index}`, args));
    }
    for (let index = 0; index < writers; index++)
      this.#writers.push(await this.#member(`writer-${index}`, ['writer']));
    await Promise.all(this.#members.map((member) => member.start()));
  }

  async #addScene(name: string, serverIndex: number): Promise<void> {
    const server = this.servers[serverIndex]!;
    await server.createDatabase(name);
    const url = server.urlOf(name);
    await execute(url, rowTables);
    await migrate({ url });
    const folder = join(this.folder, name);
    await mkdir(folder);
    const viewsOf = (members: readonly Member[]): MemberView[] =>
      members.map((member) => viewOf(member, name, this.#proxiesOf.get(member)![serverIndex]!));
    const [nodes, writers] = [this.#nodes, this.#writers];
    this.scenes.push({
      name,
      server,
      url,
      strangerUrl: server.strangerUrlOf(name),
      folder,
      logFolder: this.#logFolder,
      serverLog: server.logFile,
      restartServer: (signal) => server.restart(signal),
      get nodes() {
        return viewsOf(nodes);
      },
      get writers() {
        return viewsOf(writers);
      },
      get members() {
        return viewsOf([...nodes, ...writers]);
      },
    });
  }

  async #member(name: string, args: readonly string[]): Promise<Member> {
    const proxies: Proxies[] = [];
    for (const server of this.servers) {
      const [sessions, listener] = [
        await openTcpProxy(server.urlOf('')),
        await openTcpProxy(server.urlOf('')),
      ];
      this.#proxies.push(sessions, listener);
      proxies.push({ sessions, listener });
    }
    const through = (proxy: TcpProxy, store: string): string => new URL(`/${store}`, proxy.url).href;
    const urls = this.scenes.flatMap((scene) => {
      const { sessions, listener } = proxies[this.servers.indexOf(scene.server)]!;
      return [
        [scene.name, through(sessions, scene.name)],
        [`${scene.name}_l`, through(listener, scene.name)],
      ];
    });
    const member = new Member({
      name,
      args: [
        ...args,
        '--config',
        this.#configFile,
        '--stores',
        this.#storesFile,
        '--model',
        modelFile,
        '--log-level',
        'info',
      ],
      ...proxies[0]!,
      env: Object.fromEntries(urls) as Record<string, string>,
      logFile: join(this.#logFolder, `${name}.log`),
      restartAfterMs: 0,
      // Its other stores need it now.
      untilServerUp: () => Promise.resolve(),
    });
    this.#proxiesOf.set(member, proxies);
    return member;
  }

  /** Everything passes again, everybody goes on, the servers are up. */
  async calm(): Promise<void> {
    for (const server of this.servers) await server.untilUp();
    for (const proxy of this.#proxies) {
      proxy.delay(0);
      proxy.refuse(false);
    }
    for (const member of this.#members) if (member.isFrozen) member.freeze(false);
    while (this.#members.some((member) => !member.isReady)) await pause(50);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
    for (const proxy of this.#proxies) proxy.close();
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** At once, from an exit handler. */
  abandon(): void {
    for (const member of this.#members) member.abandon();
    for (const server of this.servers) server.abandon();
  }
}

interface Proxies {
  sessions: TcpProxy;
  listener: TcpProxy;
}

/** The process as the requests and faults of one store meet it. */
function viewOf(member: Member, store: string, { sessions, listener }: Proxies): MemberView {
  return {
    name: member.name,
    hasIntake: member.hasIntake,
    sessions,
    listener,
    get url() {
      return member.url === null ? null : `${member.url}/${store}`;
    },
    get pid() {
      return member.pid;
    },
    get isReady() {
      return member.isReady;
    },
    get isFrozen() {
      return member.isFrozen;
    },
    get readyAt() {
      return member.readyAt;
    },
    kill: (signal) => member.kill(signal),
    freeze: (isFrozen) => member.freeze(isFrozen),
  };
}
