// An embedded PostgreSQL under attack: it is ended in any way, and comes back on its port.

import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@sluice/dev/embedded';
import { databaseUrl, execute } from '../support/postgres.ts';

const shutdownMs = 5000;
/** May log in, and nothing else. */
const stranger = { name: 'stranger', password: 'stranger' };

export type EndSignal = 'SIGKILL' | 'SIGQUIT' | 'SIGINT';

export class Server {
  readonly #folder: string;
  readonly #settings: Record<string, string>;
  #server: EmbeddedPostgres;
  #restarting: Promise<void> = Promise.resolve();

  private constructor(folder: string, settings: Record<string, string>, server: EmbeddedPostgres) {
    this.#folder = folder;
    this.#settings = settings;
    this.#server = server;
  }

  /**
   * On a port that no client of this machine is given: those who go on connecting while the server is down might else be
   * given the port that they connect to, and so connect to themselves.
   */
  static async start(folder: string, settings: Record<string, string> = {}): Promise<Server> {
    const server = await patiently(5, 0, () => startServer(folder, randomInt(15_000, 32_000), settings));
    await execute(server.url, `create role ${stranger.name} login password '${stranger.password}'`);
    return new Server(folder, settings, server);
  }

  get logFile(): string {
    return join(this.#folder, 'postgres.log');
  }

  /** Of one of its databases, as the superuser, past all proxies. */
  urlOf(database: string): string {
    return databaseUrl(this.#server.url, database);
  }

  strangerUrlOf(database: string): string {
    const url = new URL(this.urlOf(database));
    url.username = stranger.name;
    url.password = stranger.password;
    return url.href;
  }

  async createDatabase(name: string): Promise<void> {
    await execute(this.#server.url, `create database ${name}`);
  }

  /** Ends the server in one of its ways, and starts it again on the same port. */
  restart(signal: EndSignal, downMs = 0): Promise<void> {
    this.#restarting = this.#restarting.then(async () => {
      const { port } = this.#server;
      this.#server.kill(signal);
      // A shutdown in order waits for sessions, and with so many who come and go it may wait for long.
      const isOver = await Promise.race([this.#server.exited.then(() => true), pause(shutdownMs, false)]);
      if (!isOver) this.#server.kill('SIGQUIT');
      await this.#server.exited;
      await pause(downMs);
      this.#server = await patiently(20, 500, () => startServer(this.#folder, port, this.#settings));
    });
    return this.#restarting;
  }

  /** Resolves once the server is up, or again. */
  untilUp(): Promise<void> {
    return this.#restarting;
  }

  async stop(): Promise<void> {
    await this.#restarting.catch(() => undefined);
    await this.#server.stop();
  }

  /** At once, from an exit handler. */
  abandon(): void {
    this.#server.kill('SIGQUIT');
  }
}

async function patiently<T>(triesMax: number, pauseMs: number, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === triesMax) throw error;
      await pause(pauseMs);
    }
  }
}

function startServer(
  dataDir: string,
  port: number,
  settings: Record<string, string>,
): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({
    dataDir,
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
