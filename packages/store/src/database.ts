/** A pool for the short statements of a node or a command: reads, cancellations, and the `direct` mode's sessions. */
import type pg from 'pg';
import { parametersOf } from './array-literal.ts';
import {
  checkOut,
  defaultAnswerTimeoutMs,
  isTransactionPooled,
  leaveServerOf,
  type ConnectionOptions,
} from './connection.ts';
import { reduceError, takesNoWrites } from './database-error.ts';
import { Pool } from './pool.ts';
import type { PoolUsage } from './pool-usage.ts';
import { query } from './queries.ts';
import type { Row } from './session.ts';

export interface DatabaseOptions extends ConnectionOptions {
  /** Connections at most. @default 8 */
  connectionsMax?: number;
}

export class Database {
  readonly options: DatabaseOptions;
  readonly #pool: Pool;

  constructor(options: DatabaseOptions) {
    this.options = options;
    this.#pool = new Pool(options, options.connectionsMax ?? 8, false);
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
      client = await checkOut(this.#pool.pool, this.url);
      // The driver knows the time limit although its types do not.
      const query_timeout = Math.min(answerTimeoutMs, this.options.answerTimeoutMs ?? defaultAnswerTimeoutMs);
      const config = { text, values: parametersOf(values), query_timeout };
      const { rows } = await client.query<Row>(isTransactionPooled(this.url) ? config : { name, ...config });
      isBroken = false;
      return rows;
    } catch (error) {
      const reduced = reduceError(error, client === null ? 'connect' : name);
      if (client !== null && takesNoWrites(reduced)) leaveServerOf(client, this.url);
      throw reduced;
    } finally {
      client?.release(isBroken);
    }
  }

  get usage(): PoolUsage {
    return this.#pool.usage;
  }

  /** Statements that are under way have a second to end. Tolerates being called twice. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
