/**
 * Sends writes to the intake: at once when no insert is in flight, else together with all that gathered meanwhile. A busy
 * node waits a few milliseconds more for others where that pays (protocol/gathering.ts).
 *
 * The inserts are asynchronous commits, on a session reserved for them. That is safe because a client is answered
 * after the batch commit, which is synchronous and flushes all earlier WAL; the node that waits for a write sends it
 * again if a crash of the server took it before that.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Gathering, nextTurn, SluiceError, type GatheringState, type Write } from '#protocol';
import { assertAbility, DatabaseError, Session, type ConnectionOptions, type DatabaseClock } from '#store';
import { endInserted, endRefused, refuseAll, type Buffered } from './buffered.ts';
import { intakeStatements } from './intake-statements.ts';
import type { ClientObserver } from './observer.ts';
import { takeFront } from './take-front.ts';
import { traceIntake } from './trace-write.ts';
import { Trouble } from './trouble.ts';
import type { Route } from './waiter.ts';

export interface IntakeBufferOptions {
  connection: ConnectionOptions;
  clock: DatabaseClock;
  /** True: each insert is flushed before it is confirmed, and the hint follows in a statement of its own. */
  isDurable: boolean;
  /** Wake the writers. */
  notifications: boolean;
  flushWritesMax: number;
  observer?: ClientObserver | undefined;
  onError: (error: unknown, doing: string) => void;
}

export class IntakeBuffer implements Route {
  readonly #options: IntakeBufferOptions;
  #buffered: Buffered[] = [];
  #session: Session | null = null;
  #flushing: Promise<void> | null = null;
  readonly #stopping = new AbortController();
  readonly #trouble = new Trouble();
  readonly #gathering = new Gathering({ worthWrites: 2, enoughWrites: 64, intervalMsMax: 25 });
  /** Inserts sent, and writes in them. */
  flushes = 0;
  writes = 0;

  constructor(options: IntakeBufferOptions) {
    this.#options = options;
  }

  /** Takes a write to the intake, however long the database takes none, until it is withdrawn. */
  send(waiter: Buffered & { route?: Route | null }): void {
    if (this.#isStopped) return waiter.refuse(new SluiceError('stopping'));
    waiter.route = this;
    this.#buffered.push(waiter);
    this.#flushing ??= this.#flushAll();
  }

  /**
   * Resolves when the write is in the intake.
   * @param waitMs How long to try while the database takes nothing. @default without end
   * @throws {SluiceError} `invalid_json` if the body cannot be stored; `stopping`; `storage_full`; at the end of the wait
   *   `database_unavailable`, or `outcome_unknown` if it may be in the intake
   */
  accept(write: Write, waitMs = Number.POSITIVE_INFINITY): Promise<void> {
    return new Promise((inserted, refuse) => {
      const addedAt = performance.now();
      this.send({ write, wasSent: false, addedAt, giveUpAt: addedAt + waitMs, inserted, refuse });
    });
  }

  /** Why the database takes no writes, as far as is known: it is tried again until it does. Null: it takes them. */
  get trouble(): DatabaseError | null {
    return this.#trouble.error;
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  get gathering(): GatheringState {
    return this.#gathering.state;
  }

  /** Takes a write back that was never sent: nothing was applied, and nothing will be. Null: it may be in the intake. */
  withdraw(waiter: Buffered): SluiceError | null {
    const index = this.#buffered.indexOf(waiter);
    if (index < 0 || waiter.wasSent) return null;
    this.#buffered.splice(index, 1);
    return new SluiceError('database_unavailable', undefined, { retryAfterSeconds: 1 });
  }

  /** Takes no more, and tries no more what it could not send so far. */
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
    // Once it has failed it is tried until it goes well, although nothing waits: somebody may wait for that.
    while (this.#buffered.length > 0 || (this.trouble !== null && !this.#isStopped)) {
      try {
        if (this.#buffered.length > 0) await this.#flushGathered();
        else await this.#assertAbility();
        this.#trouble.end();
      } catch (error) {
        this.#options.onError(error, 'insert into the intake');
        this.#trouble.note(error);
        await this.#session?.close();
        if (this.#isStopped) break;
        // The writes stay buffered, so that a waiter whose time is up can take its write back.
        this.#giveUpLate();
        await this.#rest(this.#trouble.restMs);
      }
    }
    this.#flushing = null;
  }

  /** Waits for more writes where that pays. Meanwhile waiters may take theirs back. */
  async #flushGathered(): Promise<void> {
    const { flushWritesMax } = this.#options;
    const waitMs = this.#buffered.length < flushWritesMax ? this.#gathering.waitMs : 0;
    if (waitMs > 0) await this.#rest(waitMs);
    // Requests that have come on other connections by now go along.
    else await nextTurn();
    const session = await this.#open();
    const batch = takeFront(this.#buffered, flushWritesMax);
    if (batch.length === 0) return;
    this.#gathering.begin();
    await this.#flush(session, batch);
    this.#gathering.end(batch.length);
  }

  async #assertAbility(): Promise<void> {
    const session = await this.#open();
    await assertAbility((...query) => session.run(...query), ['submit']);
  }

  async #rest(milliseconds: number): Promise<void> {
    const { signal } = this.#stopping;
    await pause(milliseconds, undefined, { signal }).catch(() => undefined);
  }

  #giveUpLate(): void {
    const now = performance.now();
    const late = this.#buffered.filter(({ giveUpAt }) => giveUpAt <= now);
    if (late.length === 0) return;
    this.#buffered = this.#buffered.filter(({ giveUpAt }) => giveUpAt > now);
    refuseAll(late, 'database_unavailable');
  }

  async #open(): Promise<Session> {
    if (this.#session?.ended.aborted === false) return this.#session;
    const { connection, isDurable } = this.#options;
    const settings: Record<string, string> = {
      ...connection.settings,
      ...(isDurable ? {} : { synchronous_commit: 'off' }),
      // While one is under way, drains pass over all that is settled since (sql/README.md, low-water marks).
      statement_timeout: '10s',
    };
    // Above the statement's own limit: what is not answered by then is lost.
    const answerTimeoutMs = Math.min(connection.answerTimeoutMs ?? Infinity, 12_000);
    this.#session = await Session.open({ ...connection, settings, answerTimeoutMs });
    return this.#session;
  }

  /** @throws {DatabaseError} if the database takes none now: they wait again */
  async #flush(session: Session, batch: readonly Buffered[]): Promise<void> {
    const left = new Set(batch);
    try {
      await this.#insert(session, batch, left);
    } catch (error) {
      // A disk that is full is told at once, to those whose writes are certain not to be there.
      const isFull = error instanceof DatabaseError && error.sqlState === '53100';
      const leaving = [...left].filter(({ wasSent }) => this.#isStopped || (isFull && !wasSent));
      for (const each of leaving) left.delete(each);
      this.#buffered.unshift(...left);
      refuseAll(leaving, isFull ? 'storage_full' : 'database_unavailable');
      throw error;
    }
  }

  /**
   * Inserts the writes; on a fault of one of them, in halves, until it stands alone.
   * @param left Those of the flush that are neither in the intake nor refused.
   * @throws {DatabaseError} if it is the fault of none: those that are left are to be sent again
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
      const options = { isDurable, withHint, isAgain, now: clock.now() };
      await session.flight(intakeStatements(writes, options));
      this.#observe(batch);
      endInserted(batch, left);
    } catch (error) {
      // Otherwise it may be in the intake or not: the key of the intake and that of the outcome bear a second insert.
      if (!(error instanceof DatabaseError) || error.isRefusal)
        for (const each of unsent) each.wasSent = false;
      if (!(error instanceof DatabaseError)) return endRefused(batch, left, error as Error);
      // One of them is in the intake already: an insert that was thought lost.
      if (error.sqlState === '23505' && !isAgain) return this.#insert(session, batch, left, withHint, true);
      if (error.sqlState === '23505' && batch.length === 1) return endInserted(batch, left);
      if (withHint && error.sqlState === '54000' && error.statement === 'insertIntake') {
        // Either the notification queue is full or a value is too large: without the hint it is only the latter.
        return this.#insert(session, batch, left, false, isAgain);
      }
      if (error.isConnectionLoss || error.isUnfit || error.isServerTrouble || error.isTransient) throw error;
      if (batch.length === 1) return endRefused(batch, left, this.#answerTo(error));
      const middle = Math.ceil(batch.length / 2);
      await this.#insert(session, batch.slice(0, middle), left, withHint, isAgain);
      await this.#insert(session, batch.slice(middle), left, withHint, isAgain);
    }
  }

  /** What is said of a write that cannot be inserted alone. */
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
