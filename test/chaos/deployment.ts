// The deployment under attack: an embedded PostgreSQL, nodes of all three modes side by side as in a roll-out, and writers,
// each a process, each behind proxies of its own.

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { migrate } from 'sluice/internal/store';
import type { TargetDefinition } from 'sluice/internal/targets';
import { execute } from '../support/postgres.ts';
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { Member } from './member.ts';
import { rowTables, rowTargets } from './row-tables.ts';
import { Server, type EndSignal } from './server.ts';

export const modelFile = fileURLToPath(new URL('model.json', import.meta.url));
const databaseName = 'chaos';

export interface DeploymentOptions {
  /** Modes of the nodes. */
  nodes: readonly ('coordinated' | 'local' | 'direct')[];
  writers: number;
  /** How long after its end a process is started again. @default 0 */
  restartAfterMs?: number;
  /** More arguments of each node. */
  nodeArgs?: readonly string[];
  logLevel: string;
  /** The user's own tables. @default those of row-tables.ts */
  tables?: { sql: string; targets: readonly TargetDefinition[] };
  /** Settings of the server. */
  settings?: Record<string, string>;
}

export class Deployment {
  readonly folder: string;
  readonly logFolder: string;
  readonly nodes: Member[] = [];
  readonly writers: Member[] = [];
  readonly #proxies: TcpProxy[] = [];
  readonly #options: DeploymentOptions;
  readonly #server: Server;

  constructor(folder: string, server: Server, options: DeploymentOptions) {
    this.folder = folder;
    this.logFolder = join(folder, 'logs');
    this.#server = server;
    this.#options = options;
  }

  static async start(options: DeploymentOptions): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-chaos-'));
    // PostgreSQL may have to run as somebody else.
    await chmod(folder, 0o711);
    const server = await Server.start(join(folder, 'postgres'), options.settings);
    const deployment = new Deployment(folder, server, options);
    try {
      await deployment.#begin();
    } catch (error) {
      await deployment.stop();
      throw error;
    }
    return deployment;
  }

  /** As the superuser, past all proxies. */
  get url(): string {
    return this.#server.urlOf(databaseName);
  }

  get strangerUrl(): string {
    return this.#server.strangerUrlOf(databaseName);
  }

  get serverLog(): string {
    return this.#server.logFile;
  }

  get members(): Member[] {
    return [...this.nodes, ...this.writers];
  }

  async #begin(): Promise<void> {
    await this.#server.createDatabase(databaseName);
    await execute(this.url, this.#tables.sql);
    await migrate({ url: this.url });
    await mkdir(this.logFolder, { recursive: true });
    await writeFile(this.#configFile, JSON.stringify({ targets: this.#tables.targets }));
    const common = this.#commonArgs;
    for (const [index, mode] of this.#options.nodes.entries()) {
      const args = ['api', ...common, '--mode', mode, '--host', '127.0.0.1', '--port', '0'];
      this.nodes.push(await this.#member(`${mode}-${index}`, [...args, ...(this.#options.nodeArgs ?? [])]));
    }
    for (let index = 0; index < this.#options.writers; index++) this.writers.push(await this.#writer(index));
    await Promise.all(this.members.map((member) => member.start()));
  }

  get #tables(): NonNullable<DeploymentOptions['tables']> {
    return this.#options.tables ?? { sql: rowTables, targets: rowTargets };
  }

  get #configFile(): string {
    return join(this.folder, 'sluice.config.json');
  }

  get #commonArgs(): string[] {
    return ['--config', this.#configFile, '--model', modelFile, '--log-level', this.#options.logLevel];
  }

  /** One more. */
  async addWriter(): Promise<void> {
    const writer = await this.#writer(this.writers.length);
    this.writers.push(writer);
    await writer.start();
  }

  #writer(index: number): Promise<Member> {
    return this.#member(`writer-${index}`, ['writer', ...this.#commonArgs]);
  }

  async #member(name: string, args: readonly string[]): Promise<Member> {
    const [sessions, listener] = await Promise.all([openTcpProxy(this.url), openTcpProxy(this.url)]);
    this.#proxies.push(sessions, listener);
    return new Member({
      name,
      args,
      sessions,
      listener,
      env: { DATABASE_URL: sessions.url, SLUICE_LISTEN_URL: listener.url },
      logFile: join(this.logFolder, `${name}.log`),
      restartAfterMs: this.#options.restartAfterMs ?? 0,
      untilServerUp: () => this.#server.untilUp().catch(() => undefined),
    });
  }

  /** Ends the server in one of its ways, and starts it again on the same port. */
  restartServer(signal: EndSignal): Promise<void> {
    return this.#server.restart(signal);
  }

  /** Everything passes again, everybody goes on, the server is up. */
  async calm(): Promise<void> {
    await this.#server.untilUp();
    for (const proxy of this.#proxies) {
      proxy.delay(0);
      proxy.refuse(false);
    }
    for (const member of this.members) if (member.isFrozen) member.freeze(false);
    while (this.members.some((member) => !member.isReady)) await pause(50);
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    for (const proxy of this.#proxies) proxy.close();
    await this.#server.stop();
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** At once, from an exit handler. */
  abandon(): void {
    for (const member of this.members) member.abandon();
    this.#server.abandon();
  }
}
