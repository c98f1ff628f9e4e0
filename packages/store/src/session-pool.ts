/** Sessions for those who need one for the length of a batch: the `direct` and `local` modes. */
import pg from 'pg';
import { poolConfig, type ConnectionOptions } from './connection.ts';
import { DatabaseError, reduceError } from './database-error.ts';
import { Session } from './session.ts';

export interface SessionPoolOptions extends ConnectionOptions {
  /** Sessions at most; whoever comes then waits. @default 32 */
  sessionsMax?: number;
}

export class SessionPool {
  readonly #pool: pg.Pool;

  constructor(options: SessionPoolOptions) {
    this.#pool = new pg.Pool(poolConfig(options, options.sessionsMax ?? 32, true));
    this.#pool.on('error', () => undefined);
  }

  /** Lends a session for the length of `work`. A session whose connection failed is not used again. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw reduceError(error, 'connect');
    }
    const onError = (): void => undefined;
    client.on('error', onError);
    let isBroken = false;
    try {
      return await work(new Session(client, () => Promise.resolve()));
    } catch (error) {
      isBroken = !(error instanceof DatabaseError) || error.isConnectionLoss;
      throw error;
    } finally {
      client.removeAllListeners('end');
      client.off('error', onError);
      client.release(isBroken);
    }
  }

  async close(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }
}
