/** A pool for the short statements of a node or a command, each in a transaction of its own. */
import { SluiceError } from '#protocol';
import { defaultAnswerTimeoutMs, type ConnectionOptions } from './connection.ts';
import { detectPooler } from './pooler.ts';
import { SessionPool, type PoolUsage } from './session-pool.ts';
import type { Row } from './session.ts';
import type { Statement } from './statement.ts';

export interface DatabaseOptions extends ConnectionOptions {
  /** Most connections. @default 8 */
  connectionsMax?: number;
  /** Before the first statement, find out whether a transaction-mode pooler is in between. @default false */
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

  /** @param answerTimeoutMs Longest wait for the answer. @default that of the connection */
  async run(name: string, values: readonly unknown[] = [], answerTimeoutMs = Infinity): Promise<Row[]> {
    const [rows = []] = await this.flight([{ name, values }], answerTimeoutMs);
    return rows;
  }

  /**
   * Statements in one round trip, each a transaction of its own. @returns the rows of each
   * @throws {SluiceError} `stopping` if it is closed
   */
  async flight(statements: readonly Statement[], answerTimeoutMs = Infinity): Promise<Row[][]> {
    if (this.isClosed) throw new SluiceError('stopping', 'Cannot use the database: it is closed');
    if (this.options.looksForPooler === true) await detectPooler(this.options);
    const limitMs = Math.min(answerTimeoutMs, this.options.answerTimeoutMs ?? defaultAnswerTimeoutMs);
    const results = await this.#sessions.use((session) => session.flight(statements, limitMs));
    return results.map(({ rows }) => rows);
  }

  get usage(): PoolUsage {
    return this.#sessions.usage;
  }

  /** It is closed, or closes: it takes no further statement. */
  get isClosed(): boolean {
    return this.#sessions.isClosed;
  }

  /** Gives statements under way a second to end. May be called twice. */
  close(): Promise<void> {
    return this.#sessions.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
