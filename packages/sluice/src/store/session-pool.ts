/** Sessions for callers that need one for the time of a batch: the `direct` and `local` modes. */
import type pg from 'pg';
import { checkOut, type ConnectionOptions } from './connection.ts';
import { reduceError } from './database-error.ts';
import { Pool } from './pool.ts';
import type { PoolUsage } from './pool-usage.ts';
import { Session } from './session.ts';

export interface SessionPoolOptions extends ConnectionOptions {
  /** Most sessions; further callers wait. @default 32 */
  sessionsMax?: number;
}

export class SessionPool {
  readonly #pool: Pool;
  readonly #options: SessionPoolOptions;
  /** One session for each connection, as long as the connection lives. */
  readonly #sessions = new WeakMap<pg.PoolClient, Session>();

  constructor(options: SessionPoolOptions) {
    this.#options = options;
    this.#pool = new Pool(options, options.sessionsMax ?? 32, true);
  }

  /** Lends a session until `work` ends. A session whose work failed is not used again, because its transaction may still be open. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await checkOut(this.#pool.pool, this.#options);
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
    return this.#pool.usage;
  }

  get isClosed(): boolean {
    return this.#pool.pool.ending;
  }

  /** Gives work under way a second to end. May be called twice. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
