/** Sessions for callers that need one for the time of a batch: the `direct` and `local` modes. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { checkOut, poolConfig, type ConnectionOptions } from './connection.ts';
import { reduceError } from './database-error.ts';
import { Session } from './session.ts';

export interface SessionPoolOptions extends ConnectionOptions {
  /** Most sessions; further callers wait. @default 32 */
  sessionsMax?: number;
}

/** The present use of a pool. */
export interface PoolUsage {
  /** Connections that are lent out. */
  busy: number;
  /** Connections that wait to be lent. */
  idle: number;
  /** Callers that wait for a connection. */
  waiting: number;
  /** Most connections. */
  max: number;
}

/** Milliseconds for callers that still use a session when its pool is closed. */
const closeTimeoutMs = 1000;

export class SessionPool {
  readonly #pool: pg.Pool;
  /** Open connections. A silent server confirms no end, so that they have to be cut off. */
  readonly #sockets = new Set<Socket>();
  readonly #options: SessionPoolOptions;
  /** One session for each connection, as long as the connection lives. */
  readonly #sessions = new WeakMap<pg.PoolClient, Session>();

  constructor(options: SessionPoolOptions) {
    this.#options = options;
    this.#pool = new pg.Pool(poolConfig(options, options.sessionsMax ?? 32, this.#sockets));
    // A broken idle connection is replaced at its next use; without a listener, the error would end the process.
    this.#pool.on('error', () => undefined);
  }

  /** Lends a session until `work` ends. A session whose work failed is not used again, because its transaction may still be open. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await checkOut(this.#pool, this.#options);
    } catch (error) {
      throw reduceError(error, 'connect');
    }
    let session = this.#sessions.get(client);
    if (session === undefined) {
      session = new Session(client, () => Promise.resolve(), this.#options);
      this.#sessions.set(client, session);
    }
    let isBroken = true;
    try {
      const result = await work(session);
      // A handled error may have ended the session meanwhile.
      isBroken = session.ended.aborted;
      return result;
    } finally {
      client.release(isBroken);
    }
  }

  get usage(): PoolUsage {
    const { totalCount, idleCount, waitingCount, options } = this.#pool;
    return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount, max: options.max };
  }

  get isClosed(): boolean {
    return this.#pool.ending;
  }

  /** Gives work under way a second to end, and then cuts it off. May be called twice. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, closeTimeoutMs);
    await this.#pool.end();
    clearTimeout(timer);
  }
}
