/**
 * Sends writes to the intake: without delay if no insert is in flight, else together with all that gathered meanwhile.
 * A busy node waits a few milliseconds for more writes if that pays (protocol/gathering.ts).
 *
 * The inserts are asynchronous commits, on a session of their own. That is safe, because a client is answered after
 * the batch commit, which is synchronous and flushes all earlier WAL. If a crash of the server loses a write before
 * that, the node that waits for it sends it again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { nextTurn, SluiceError } from '#protocol';
import type { BatchPlaces, Gathering, GatheringState, Write } from '#protocol';
import { assertAbility, DatabaseError, Session, type ConnectionOptions, type DatabaseClock } from '#store';
import { endInserted, endKeyTaken, endRefused, refuseAll, type Buffered } from './buffered.ts';
import { insertStatements } from './insert-statements.ts';
import type { ClientObserver } from './observer.ts';
import { takeFront } from './take-front.ts';
import { traceIntake } from './trace-write.ts';
import { Trouble } from './trouble.ts';
import type { Route } from './waiter.ts';

export interface IntakeBufferOptions {
  connection: ConnectionOptions;
  clock: DatabaseClock;
  /** True: each insert is flushed before it is confirmed, and the hint follows in its own statement. */
  isDurable: boolean;
  /** Whether inserts wake the writers by hints. */
  notifications: boolean;
  flushWritesMax: number;
  gathering: Gathering;
  batchPlaces?: BatchPlaces | undefined;
  observer?: ClientObserver | undefined;
  onError: (error: unknown, doing: string) => void;
}

export class IntakeBuffer implements Route {
  readonly #options: IntakeBufferOptions;
  #buffered: Buffered[] = [];
  readonly #withdrawnUnderWay = new WeakSet<Buffered>();
  #session: Session | null = null;
  #flushing: Promise<void> | null = null;
  readonly #stopping = new AbortController();
  readonly #trouble = new Trouble();
  /** Number of inserts sent, and of writes in them. */
  flushes = 0;
  writes = 0;

  constructor(options: IntakeBufferOptions) {
    this.#options = options;
  }

  /** Sends a write to the intake, and retries until the write is withdrawn. */
  send(waiter: Buffered & { route?: Route | null }): void {
    if (this.#isStopped) return waiter.refuse(new SluiceError('stopping'));
    waiter.route = this;
    this.#buffered.push(waiter);
    this.#flushing ??= this.#flushAll();
  }

  /**
   * Resolves when the write is in the intake.
   * @param waitMs Milliseconds to try while the database takes no writes. @default without end
   * @throws {SluiceError} `invalid_json` if the body cannot be stored; `stopping`; `storage_full`; at the end of the
   *   wait `database_unavailable`, or `outcome_unknown` if the write may be in the intake
   */
  accept(write: Write, waitMs = Number.POSITIVE_INFINITY): Promise<void> {
    return new Promise((inserted, refuse) => {
      const addedAt = performance.now();
      this.send({ write, wasSent: false, addedAt, giveUpAt: addedAt + waitMs, inserted, refuse });
    });
  }

  /** Why the database takes no writes, as far as the buffer knows; it retries until the database takes them. Null: it does. */
  get trouble(): DatabaseError | null {
    return this.#trouble.error;
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  get gathering(): GatheringState {
    return this.#options.gathering.state;
  }

  /** Takes back a write, which is not sent again. Null: it may be in the intake, now or once its insert ends. */
  withdraw(waiter: Buffered): SluiceError | null {
    const index = this.#buffered.indexOf(waiter);
    if (index < 0) this.#withdrawnUnderWay.add(waiter);
    else this.#buffered.splice(index, 1);
    if (index < 0 || waiter.wasSent) return null;
    return new SluiceError('database_unavailable', undefined, { retryAfterSeconds: 1 });
  }

  /** Takes no more writes, and stops retrying. */
  giveUp(): void {
    this.#stopping.abort();
    refuseAll(this.#buffered.splice(0), 'stopping');
  }

  async stop(): Promise<void> {
    this.giveUp();
    await this.#flushing;
    await this.#session?.close();
  }

  async #flushAll(): Promise<void> {
    // After a failure it retries until it succeeds, even if no write is buffered, because a caller may wait for that.
    while (this.#buffered.length > 0 || (this.trouble !== null && !this.#isStopped)) {
      try {
        if (this.#buffered.length > 0) await this.#flushGathered();
        else await assertAbility(async (...query) => (await this.#open()).run(...query), ['submit']);
        this.#trouble.end();
      } catch (error) {
        this.#options.onError(error, 'insert into the intake');
        this.#trouble.note(error);
        await this.#session?.close();
        if (this.#isStopped) break;
        // The writes stay buffered, so that a waiter at the end of its wait can take its write back.
        this.#giveUpLate();
        await this.#rest(this.#trouble.restMs);
      }
    }
    this.#flushing = null;
  }

  /** Waits for more writes if that pays. Waiters may take theirs back meanwhile. */
  async #flushGathered(): Promise<void> {
    const { flushWritesMax, gathering, batchPlaces } = this.#options;
    const waitMs = this.#buffered.length < flushWritesMax ? gathering.waitMs : 0;
    // Without a wait, requests on other connections that have arrived by now join.
    await (waitMs > 0 ? this.#rest(waitMs) : nextTurn());
    const session = await this.#open();
    const flush = async (): Promise<number> => {
      const batch = takeFront(this.#buffered, flushWritesMax);
      if (batch.length === 0) return 0;
      gathering.begin();
      await this.#flush(session, batch);
      gathering.end(batch.length);
      return batch.length;
    };
    await (batchPlaces?.run(this.#buffered.length, flush) ?? flush());
  }

  async #rest(milliseconds: number): Promise<void> {
    await pause(milliseconds, undefined, this.#stopping).catch(() => undefined);
  }

  #giveUpLate(): void {
    const now = performance.now();
    const late = this.#buffered.filter(({ giveUpAt }) => giveUpAt <= now);
    this.#buffered = this.#buffered.filter(({ giveUpAt }) => giveUpAt > now);
    refuseAll(late, 'database_unavailable');
  }

  async #open(): Promise<Session> {
    if (this.#session?.ended.aborted === false) return this.#session;
    const { connection, isDurable } = this.#options;
    const settings: Record<string, string> = {
      ...connection.settings,
      ...(isDurable ? {} : { synchronous_commit: 'off' }),
      // While an insert runs, drains read again all that was settled since (sql/README.md, low-water marks).
      statement_timeout: '10s',
    };
    // Above the statement's own limit: an answer that takes longer is lost.
    const answerTimeoutMs = Math.min(connection.answerTimeoutMs ?? Infinity, 12_000);
    this.#session = await Session.open({ ...connection, settings, answerTimeoutMs });
    return this.#session;
  }

  /** @throws {DatabaseError} if the database takes no writes now: they stay buffered */
  async #flush(session: Session, batch: readonly Buffered[]): Promise<void> {
    const left = new Set(batch);
    try {
      await this.#insert(session, batch, left);
    } catch (error) {
      // A full disk is reported without delay, for writes that are certainly not in the intake.
      const isFull = error instanceof DatabaseError && error.sqlState === '53100';
      const kept = [...left].filter((each) => !this.#withdrawnUnderWay.has(each));
      const isLeaving = ({ wasSent }: Buffered): boolean => this.#isStopped || (isFull && !wasSent);
      this.#buffered.unshift(...kept.filter((each) => !isLeaving(each)));
      refuseAll(kept.filter(isLeaving), isFull ? 'storage_full' : 'database_unavailable');
      throw error;
    }
  }

  /**
   * Inserts the writes. If one of them is at fault, tries halves until that write is alone.
   * @param left Writes of the flush that are neither in the intake nor refused.
   * @throws {DatabaseError} if no write is at fault: those in `left` are to be sent again
   */
  async #insert(
    session: Session,
    batch: readonly Buffered[],
    left: Set<Buffered>,
    withHint = this.#options.notifications,
    isAgain = batch.some(({ wasSent }) => wasSent),
  ): Promise<void> {
    this.flushes += 1;
    this.writes += batch.length;
    const unsent = batch.filter(({ wasSent }) => !wasSent);
    for (const each of unsent) each.wasSent = true;
    const { isDurable, clock } = this.#options;
    try {
      const writes = batch.map(({ write }) => write);
      const options = { isDurable, withHint, isAgain, now: clock.now(), looksForKeys: !isDurable };
      const [inserted] = await session.flight(insertStatements(writes, options));
      const leftOut = new Set(inserted?.rows.map((row) => row['write_id']));
      const taken = batch.filter(({ write }) => !leftOut.has(write.writeId));
      this.#observe(taken);
      endInserted(taken, left);
      endKeyTaken(
        batch.filter(({ write }) => leftOut.has(write.writeId)),
        left,
      );
    } catch (error) {
      // Otherwise the write may be in the intake or not. The keys of intake and outcomes allow a second insert.
      if (!(error instanceof DatabaseError) || error.isRefusal)
        for (const each of unsent) each.wasSent = false;
      if (!(error instanceof DatabaseError)) return endRefused(batch, left, error as Error);
      // One of the writes is in the intake already: an insert whose answer was lost.
      if (error.sqlState === '23505' && !isAgain) return this.#insert(session, batch, left, withHint, true);
      if (error.sqlState === '23505' && batch.length === 1) return endInserted(batch, left);
      if (withHint && error.sqlState === '54000' && error.statement === 'insertIntake') {
        // The notification queue is full, or a value is too large; without the hint, only the latter is possible.
        return this.#insert(session, batch, left, false, isAgain);
      }
      if (error.isConnectionLoss || error.isUnfit || error.isServerTrouble || error.isTransient) throw error;
      if (batch.length === 1) return endRefused(batch, left, this.#answerTo(error));
      const middle = Math.ceil(batch.length / 2);
      await this.#insert(session, batch.slice(0, middle), left, withHint, isAgain);
      await this.#insert(session, batch.slice(middle), left, withHint, isAgain);
    }
  }

  /** The answer to a write that cannot be inserted even alone. */
  #answerTo(error: DatabaseError): SluiceError {
    if (error.isUnstorableValue) return new SluiceError('invalid_json', undefined, { detail: { path: '$' } });
    this.#options.onError(error, 'insert into the intake');
    return new SluiceError('database_unavailable', undefined, { cause: error });
  }

  #observe(batch: readonly Buffered[]): void {
    for (const { write, addedAt } of batch) traceIntake(write, addedAt);
    const { observer } = this.#options;
    if (observer === undefined) return;
    const now = performance.now();
    observer.inserted(batch.length);
    for (const { addedAt } of batch) observer.taken((now - addedAt) / 1000);
  }
}
