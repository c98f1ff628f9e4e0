// The deployment under attack: an embedded PostgreSQL, nodes of all three modes side by side as in a roll-out, and writers,
// each a process, each behind proxies of its own.

import { randomInt } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@sluice/dev/embedded';
import { migrate } from 'sluice/internal/store';
import type { TargetDefinition } from 'sluice/internal/targets';
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { Member } from './member.ts';
import { rowTables, rowTargets } from './row-tables.ts';

export const modelFile = fileURLToPath(new URL('model.json', import.meta.url));
const databaseName = 'chaos';
const shutdownMs = 5000;
/** May log in, and nothing else. */
const stranger = { name: 'stranger', password: 'stranger' };

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
  #server: EmbeddedPostgres;
  #restarting: Promise<void> = Promise.resolve();

  constructor(folder: string, server: EmbeddedPostgres, options: DeploymentOptions) {
    this.folder = folder;
    this.logFolder = join(folder, 'logs');
    this.#server = server;
    this.#options = options;
  }

  static async start(options: DeploymentOptions): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-chaos-'));
    // PostgreSQL may have to run as somebody else.
    await chmod(folder, 0o711);
    const server = await startFirst(folder, options);
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
    const url = new URL(this.#server.url);
    url.pathname = databaseName;
    return url.href;
  }

  get strangerUrl(): string {
    const url = new URL(this.url);
    url.username = stranger.name;
    url.password = stranger.password;
    return url.href;
  }

  get members(): Member[] {
    return [...this.nodes, ...this.writers];
  }

  get serverPid(): number {
    return this.#server.pid;
  }

  async #begin(): Promise<void> {
    const admin = new pg.Client(this.#server.url);
    await admin.connect();
    await admin.query(`create database ${databaseName}`);
    await admin.query(`create role ${stranger.name} login password '${stranger.password}'`);
    await admin.end();
    await this.#createTables();
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

  async #createTables(): Promise<void> {
    const client = new pg.Client(this.url);
    await client.connect();
    await client.query(this.#tables.sql);
    await client.end();
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
      logFile: join(this.logFolder, `${name}.log`),
      restartAfterMs: this.#options.restartAfterMs ?? 0,
      untilServerUp: () => this.#restarting.catch(() => undefined),
    });
  }

  /** Ends the server in one of its ways, and starts it again on the same port. */
  restartServer(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Promise<void> {
    this.#restarting = this.#restarting.then(async () => {
      const { port } = this.#server;
      this.#server.kill(signal);
      // A shutdown in order waits for sessions, and with so many who come and go it may wait for long.
      const isOver = await Promise.race([this.#server.exited.then(() => true), pause(shutdownMs, false)]);
      if (!isOver) this.#server.kill('SIGQUIT');
      await this.#server.exited;
      this.#server = await startAgain(this.folder, port, this.#options);
    });
    return this.#restarting;
  }

  /** Everything passes again, everybody goes on, the server is up. */
  async calm(): Promise<void> {
    await this.#restarting;
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
    await this.#restarting.catch(() => undefined);
    await this.#server.stop();
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** At once, from an exit handler. */
  abandon(): void {
    for (const member of this.members) member.abandon();
    this.#server.kill('SIGQUIT');
  }
}

/**
 * On a port that no client of this machine is given: those who go on connecting while the server is down might else be
 * given the port that they connect to, and so connect to themselves.
 */
async function startFirst(folder: string, options: DeploymentOptions): Promise<EmbeddedPostgres> {
  for (let tries = 1; ; tries++) {
    const port = randomInt(15_000, 32_000);
    try {
      return await startServer(folder, port, options);
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

async function startAgain(
  folder: string,
  port: number,
  options: DeploymentOptions,
): Promise<EmbeddedPostgres> {
  for (let tries = 1; ; tries++) {
    try {
      return await startServer(folder, port, options);
    } catch (error) {
      if (tries === 20) throw error;
      await pause(500);
    }
  }
}

function startServer(
  folder: string,
  port: number,
  { settings }: DeploymentOptions,
): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    port,
    settings: {
      max_connections: '300',
      max_wal_size: '4GB',
      checkpoint_timeout: '5min',
      // Before it redoes anything, a server that crashed makes its folder durable, file by file unless told otherwise.
      recovery_init_sync_method: 'syncfs',
      // For the check, see readTruth.
      track_commit_timestamp: 'on',
      ...settings,
    },
  });
}
