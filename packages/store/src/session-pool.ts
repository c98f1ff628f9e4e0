/** Sessions for those who need one for the length of a batch: the `direct` and `local` modes. */
import pg from 'pg';
import { checkOut, poolConfig, type ConnectionOptions } from './connection.ts';
import { reduceError } from './database-error.ts';
import { usageOf, type PoolUsage } from './pool-usage.ts';
import { Session } from './session.ts';

export interface SessionPoolOptions extends ConnectionOptions {
  /** Sessions at most; whoever comes then waits. @default 32 */
  sessionsMax?: number;
}

export class SessionPool {
  readonly #pool: pg.Pool;
  readonly #options: SessionPoolOptions;
  /** One for each connection, for as long as it lives. */
  readonly #sessions = new WeakMap<pg.PoolClient, Session>();

  constructor(options: SessionPoolOptions) {
    this.#options = options;
    this.#pool = new pg.Pool(poolConfig(options, options.sessionsMax ?? 32, true));
    this.#pool.on('error', () => undefined);
  }

  /** Lends a session for the length of `work`. One that failed is not used again: its transaction may still be open. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await checkOut(this.#pool, this.#options.url);
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
      isBroken = false;
      return result;
    } finally {
      client.release(isBroken);
    }
  }

  get usage(): PoolUsage {
    return usageOf(this.#pool);
  }

  async close(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }
}
