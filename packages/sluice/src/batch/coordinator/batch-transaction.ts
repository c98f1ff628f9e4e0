/**
 * The transaction of a batch, as its targets see it. Queued statements are sent with the next statement whose answer
 * is needed, in one flight. So a round trip happens only for an answer.
 */
import type { Write, WriteHeader } from '#protocol';
import { readBodies, type Row, type Session, type Statement, type StatementResult } from '#store';
import { lendSession, type LentTransaction } from './lend-session.ts';
import type { Opened, Origin } from './origin.ts';

export class BatchTransaction {
  readonly batchId: string;
  /** See {@link Opened.known}. */
  readonly known: Opened['known'];
  readonly #session: Session;
  readonly #origin: Origin;
  readonly #check: Opened['check'];
  #queued: Statement[];
  #isBegun: boolean;

  constructor(
    session: Session,
    origin: Origin,
    { prefix, check, known }: Omit<Opened, 'writes'>,
    batchId: string,
  ) {
    this.batchId = batchId;
    this.known = known;
    this.#session = session;
    this.#origin = origin;
    this.#queued = [...prefix];
    this.#check = check;
    this.#isBegun = prefix.length === 0;
  }

  /** Terms of the lanes; empty if the batch leads no lane. */
  get terms(): ReadonlyMap<number, number> {
    return this.#origin.terms;
  }

  /** The writes with their bodies; null: the bodies are in the intake, and should stay in the database. */
  get bodies(): ReadonlyMap<string, Write> | null {
    return this.#origin.bodies;
  }

  /** Statements whose answers are not needed. */
  queue(...statements: readonly Statement[]): void {
    this.#queued.push(...statements);
  }

  /** Sends the queued statements, then these; returns the answers of these only. */
  async flight(statements: readonly Statement[]): Promise<StatementResult[]> {
    const queued = this.#queued;
    const isFirst = !this.#isBegun;
    this.#queued = [];
    this.#isBegun = true;
    if (queued.length + statements.length === 0) return [];
    const answers = await this.#session.flight([...queued, ...statements]);
    if (isFirst) this.#check?.(answers);
    return answers.slice(queued.length);
  }

  async run(name: string, values: readonly unknown[] = []): Promise<Row[]> {
    const [answer] = await this.flight([{ name, values }]);
    return answer?.rows ?? [];
  }

  /**
   * Lends the transaction to code that is not part of Sluice, after all queued statements.
   * @param faultOf Makes the error of the batch from the error that the code, or one of its statements, threw.
   */
  async lend<T>(
    name: string,
    work: (transaction: LentTransaction) => Promise<T>,
    faultOf: (cause: unknown) => Error,
  ): Promise<T> {
    await this.flight([]);
    return lendSession(this.#session, name, work, faultOf);
  }

  async rollback(): Promise<void> {
    if (this.#isBegun) await this.#session.flight([{ name: 'rollback' }]);
  }

  /** Id and body of each of the writes whose body can be read. */
  async *bodiesOf(writes: readonly WriteHeader[]): AsyncGenerator<[writeId: string, body: string]> {
    const ids = writes.map(({ writeId }) => writeId);
    if (this.bodies === null) {
      yield* readBodies((name, values) => this.run(name, values), ids);
      return;
    }
    for (const id of ids) {
      const body = this.bodies.get(id)?.body ?? null;
      if (body !== null) yield [id, body];
    }
  }
}
