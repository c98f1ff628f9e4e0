/**
 * One connection to PostgreSQL with one owner, which sends statements in flights: many statements, one round trip.
 * Lock, fence and batch of a leader use the same session; an intake buffer has its own.
 */
import type { Socket } from 'node:net';
import type pg from 'pg';
import { parametersOf } from './array-bytes.ts';
import {
  connectClient,
  endWithin,
  isTransactionPooled,
  keepsStatements,
  leaveServerOf,
  noteTransactionPooler,
  type ConnectionOptions,
} from './connection.ts';
import { DatabaseError, reduceError, takesNoWrites } from './database-error.ts';
import { asMoved, isPlaced, settingsOf } from './home.ts';
import { holdSocket } from './hold-socket.ts';
import { queriesOf, query, type NamedQuery } from './queries.ts';
import { applySettings, explainSettings, foreignSettings, ownSettings } from './session-settings.ts';
import {
  awaitedOf,
  bareStatements,
  isBoundary,
  needsTransaction,
  resultOf,
  type Row,
  type Statement,
  type StatementResult,
} from './statement.ts';
import { TransactionStart, type Backend } from './transaction-start.ts';

export type { Row, StatementResult };

/** If the server does not confirm the end of the connection by then, the socket is closed. */
const closeTimeoutMs = 1000;

export class Session {
  readonly #client: pg.ClientBase;
  readonly #end: () => Promise<void>;
  readonly #ended: AbortController = new AbortController();
  /** Process id of the backend; 0 behind a pooler, which gives each transaction another one. */
  pid = 0;
  #socket: Socket | undefined;
  /** Behind a pooler in transaction mode: only transactions keep their state. */
  readonly #isPooled: boolean;
  readonly #options: ConnectionOptions;
  /** Citus places the schema. */
  readonly #isPlaced: boolean;
  readonly #queries: ReadonlyMap<string, NamedQuery>;
  readonly #transactionStart: TransactionStart;
  /** Writes each flight to the socket in one piece, for flights of many rows (hold-socket.ts). */
  sendsWhole = false;
  #isInTransaction = false;
  /** Calls that await answers, and when the last of them was sent or answered. */
  #waits = 0;
  #heardAt = 0;
  readonly #ownSettings: string;
  /** The transaction has the settings of server, database and role, because it ran a statement of other code. */
  #isForeign = false;

  /** For a client made with `pipeline: true`; `end` closes it or gives it back. */
  constructor(client: pg.ClientBase, end: () => Promise<void>, options: ConnectionOptions) {
    this.#client = client;
    this.#end = end;
    this.#options = options;
    this.#isPlaced = isPlaced(options);
    this.#queries = queriesOf(options.schema);
    this.#isPooled = isTransactionPooled(options.url);
    const own = settingsOf(options);
    this.#ownSettings = ownSettings(own);
    this.#transactionStart = new TransactionStart(this.#isPooled ? own : null);
    client.on('error', () => this.#ended.abort());
    client.on('end', () => this.#ended.abort());
  }

  /** Connects and applies the settings. Throws {@link DatabaseError}. */
  static async open(options: ConnectionOptions): Promise<Session> {
    let session: Session | null = null;
    try {
      let socket: Socket | undefined;
      const client = await connectClient(options, (made) => {
        socket = made;
        return { pipeline: true };
      });
      session = new Session(client, () => endWithin(closeTimeoutMs, client, socket), options);
      session.#socket = socket;
      if (session.#isPooled) return session;
      await applySettings(client, settingsOf(options));
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      session.pid = rows[0]?.pid ?? 0;
      return session;
    } catch (error) {
      await session?.close();
      throw reduceError(error, 'connect');
    }
  }

  /** How long an answer has been awaited, in milliseconds; 0: none is awaited. */
  get silentMs(): number {
    return this.#waits === 0 ? 0 : performance.now() - this.#heardAt;
  }

  /** The backend from which an answer is awaited, as far as it is known. */
  get backend(): Backend {
    return this.#isPooled ? this.#transactionStart.backend : { pid: this.pid, since: null };
  }

  /** Ends the connection without telling the server; awaited statements fail. */
  abandon(): void {
    this.#socket?.destroy();
  }

  /** Aborts when the connection has ended for any reason, or the server refuses further work on it. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** One statement, one round trip. */
  async run(name: string, values: readonly unknown[] = []): Promise<Row[]> {
    const [result] = await this.flight([{ name, values }]);
    return result?.rows ?? [];
  }

  /**
   * Runs one statement of other code, e.g. a projection. The flight first restores some settings of server,
   * database and role; the next statement of Sluice sets its own again. Throws {@link DatabaseError}.
   * @param name Prepares the text for the session under this name, which belongs to it alone. @default not prepared
   */
  async query(text: string, values: readonly unknown[] = [], name?: string): Promise<Row[]> {
    const settings = this.#isForeign ? null : this.#client.query(foreignSettings);
    this.#isForeign = true;
    try {
      const isPrepared = name !== undefined && keepsStatements(this.#options.url);
      // In the extended protocol a text is one statement, so none can end the transaction and go on.
      const config = {
        ...(isPrepared ? { name } : {}),
        text,
        values: Array.from(values),
        queryMode: 'extended',
      };
      const [result] = await this.#await(Promise.all([this.#client.query<Row>(config), settings]));
      return result.rows;
    } catch (error) {
      throw this.#reduce(error, null);
    }
  }

  /**
   * Sends all statements together and waits for the answers. Throws the first error in the order of the statements,
   * because later ones only say that the transaction is aborted. A `commit` that the server answers with ROLLBACK is
   * an error, too. Optional statements after a `commit` are not awaited.
   * @param answerTimeoutMs Without an answer by then, the connection counts as lost. @default that of the connection
   */
  async flight(statements: readonly Statement[], answerTimeoutMs?: number): Promise<StatementResult[]> {
    const isWrapped = this.#isPooled && !this.#isInTransaction && needsTransaction(statements);
    for (const { name } of statements) if (isBoundary(name)) this.#isInTransaction = name === 'begin';
    if (!isWrapped) return this.#fly(statements, answerTimeoutMs);
    const count = statements.findLastIndex(({ isOptional }) => isOptional !== true) + 1;
    const results = await this.#fly(
      [{ name: 'begin' }, ...statements.slice(0, count), { name: 'commit' }, ...statements.slice(count)],
      answerTimeoutMs,
    );
    return [...results.slice(1, count + 1), ...results.slice(count + 2)];
  }

  async #fly(
    statements: readonly Statement[],
    answerTimeoutMs: number | undefined,
  ): Promise<StatementResult[]> {
    // Converted before any is sent: values too long for one string must not leave a part of a flight behind.
    const values = statements.map((statement) =>
      parametersOf(statement.values ?? [], this.#queries.get(statement.name)?.encoders),
    );
    if (this.sendsWhole) holdSocket(this.#socket);
    const sent = statements.map(({ name }, index) => this.#send(name, values[index] ?? [], answerTimeoutMs));
    const count = awaitedOf(statements);
    for (const hint of sent.slice(count)) hint.catch(() => undefined);
    const settled = await this.#await(
      Promise.allSettled(count === sent.length ? sent : sent.slice(0, count)),
    );
    return settled.map((outcome, index) => {
      const { name = '', isOptional = false } = statements[index] ?? {};
      if (outcome.status === 'rejected') {
        if (isOptional) return { rows: [] };
        throw this.#reduce(name === 'begin' ? explainSettings(outcome.reason) : outcome.reason, name);
      }
      return resultOf(name, outcome.value);
    });
  }

  async #await<T>(answers: Promise<T>): Promise<T> {
    this.#waits += 1;
    this.#heardAt = performance.now();
    try {
      return await answers;
    } finally {
      this.#waits -= 1;
      this.#heardAt = performance.now();
    }
  }

  /** A session whose work the server refuses has ended, like a lost one. */
  #reduce(error: unknown, statement: string | null): Error {
    const reduced = asMoved(reduceError(error, statement), this.#isPlaced);
    if (takesNoWrites(reduced)) leaveServerOf(this.#client, this.#options);
    if (!(reduced instanceof DatabaseError)) return reduced;
    if (reduced.isConnectionLoss) this.#ended.abort();
    // The pooler was replaced by one that keeps no prepared statements.
    if (this.#isPooled && reduced.isStatementLost)
      noteTransactionPooler(this.#options.url, { keepsStatements: false });
    return reduced;
  }

  async #begin(): Promise<pg.QueryResult<Row>> {
    const answer = await this.#client.query<Row>(this.#transactionStart.next());
    this.#transactionStart.note(answer);
    return answer;
  }

  #send(
    statement: string,
    values: unknown[],
    answerTimeoutMs: number | undefined,
  ): Promise<pg.QueryResult<Row>> {
    // The times of other code are not undone, because nothing of Sluice reads or writes a time before the transaction ends.
    if (isBoundary(statement)) this.#isForeign = false;
    if (statement === 'begin') return this.#begin();
    const bare = bareStatements[statement];
    if (bare !== undefined) return this.#client.query<Row>(bare);
    if (this.#isForeign) {
      this.#isForeign = false;
      // An error here also fails the next statement.
      this.#client.query(this.#ownSettings).catch(() => undefined);
    }
    const { name, text } = this.#queries.get(statement) ?? query(statement);
    const config = keepsStatements(this.#options.url) ? { name, text, values } : { text, values };
    if (answerTimeoutMs === undefined) return this.#client.query<Row>(config);
    // The driver knows the field, although its types do not.
    const limited = { ...config, query_timeout: answerTimeoutMs };
    return this.#client.query<Row>(limited);
  }

  /** Ends the connection. May be called twice, and on a connection that is lost or silent. */
  async close(): Promise<void> {
    this.#ended.abort();
    await this.#end().catch(() => undefined);
  }
}
