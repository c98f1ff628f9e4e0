/** A pool for the short statements of a node or a command: reads, cancellations, and the `direct` mode's sessions. */
import pg from 'pg';
import { parametersOf } from './array-literal.ts';
import {
  checkOut,
  defaultAnswerTimeoutMs,
  isTransactionPooled,
  poolConfig,
  type ConnectionOptions,
} from './connection.ts';
import { reduceError } from './database-error.ts';
import { usageOf, type PoolUsage } from './pool-usage.ts';
import { query } from './queries.ts';
import type { Row } from './session.ts';

export interface DatabaseOptions extends ConnectionOptions {
  /** Connections at most. @default 8 */
  connectionsMax?: number;
}

export class Database {
  readonly options: DatabaseOptions;
  readonly #pool: pg.Pool;

  constructor(options: DatabaseOptions) {
    this.options = options;
    this.#pool = new pg.Pool(poolConfig(options, options.connectionsMax ?? 8, false));
    // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
    this.#pool.on('error', () => undefined);
  }

  get url(): string {
    return this.options.url;
  }

  /** @param answerTimeoutMs How long the answer is awaited, at most. @default that of the connection */
  async run(name: string, values: readonly unknown[] = [], answerTimeoutMs = Infinity): Promise<Row[]> {
    const { text } = query(name);
    let client: pg.PoolClient | null = null;
    let isBroken = true;
    try {
      client = await checkOut(this.#pool, this.url);
      // The driver knows the time limit although its types do not.
      const query_timeout = Math.min(answerTimeoutMs, this.options.answerTimeoutMs ?? defaultAnswerTimeoutMs);
      const config = { text, values: parametersOf(values), query_timeout };
      const { rows } = await client.query<Row>(isTransactionPooled(this.url) ? config : { name, ...config });
      isBroken = false;
      return rows;
    } catch (error) {
      throw reduceError(error, name);
    } finally {
      client?.release(isBroken);
    }
  }

  get usage(): PoolUsage {
    return usageOf(this.#pool);
  }

  async close(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }
}
