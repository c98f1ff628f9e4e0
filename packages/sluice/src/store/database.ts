/** A pool for the short statements of a node or a command: each a transaction of its own. */
import { defaultAnswerTimeoutMs, type ConnectionOptions } from './connection.ts';
import type { PoolUsage } from './pool-usage.ts';
import { detectPooler } from './pooler.ts';
import { SessionPool } from './session-pool.ts';
import type { Row } from './session.ts';
import type { Statement } from './statement.ts';

export interface DatabaseOptions extends ConnectionOptions {
  /** Connections at most. @default 8 */
  connectionsMax?: number;
  /** Find out before the first statement whether a pooler in transaction mode is between. @default false: its owner has */
  looksForPooler?: boolean;
}

export class Database {
  readonly options: DatabaseOptions;
  readonly #sessions: SessionPool;

  constructor(options: DatabaseOptions) {
    this.options = options;
    this.#sessions = new SessionPool({ ...options, sessionsMax: options.connectionsMax ?? 8 });
  }

  get url(): string {
    return this.options.url;
  }

  /** @param answerTimeoutMs How long the answer is awaited, at most. @default that of the connection */
  async run(name: string, values: readonly unknown[] = [], answerTimeoutMs = Infinity): Promise<Row[]> {
    const [rows = []] = await this.flight([{ name, values }], answerTimeoutMs);
    return rows;
  }

  /** Statements in one round trip, each a transaction of its own. @returns the rows of each */
  async flight(statements: readonly Statement[], answerTimeoutMs = Infinity): Promise<Row[][]> {
    if (this.options.looksForPooler === true) await detectPooler(this.options);
    const limits = {
      answerTimeoutMs: Math.min(answerTimeoutMs, this.options.answerTimeoutMs ?? defaultAnswerTimeoutMs),
    };
    const results = await this.#sessions.use((session) => session.flight(statements, limits));
    return results.map(({ rows }) => rows);
  }

  get usage(): PoolUsage {
    return this.#sessions.usage;
  }

  /** Statements that are under way have a second to end. Tolerates being called twice. */
  close(): Promise<void> {
    return this.#sessions.close();
  }
}
