/**
 * Sends writes to the intake: at once when no insert is in flight, else together with all that gathered meanwhile.
 * No timer: an idle node adds no wait, a busy one grows its batches by itself.
 *
 * The inserts are asynchronous commits, on a session reserved for them. That is safe because a client is answered
 * after the batch commit, which is synchronous and flushes all earlier WAL; a write that a crash took before that is
 * sent again by whoever waits for it.
 */
import { SluiceError, type Write } from '@sluice/protocol';
import {
  assertAbility,
  DatabaseError,
  noWakeup,
  Session,
  type ConnectionOptions,
  type DatabaseClock,
  type Statement,
  wakeupsOf,
} from '@sluice/store';
import type { ClientObserver } from './observer.ts';
import { takeFront } from './take-front.ts';
import { traceIntake } from './trace-write.ts';
import { Trouble } from './trouble.ts';

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

interface Buffered {
  write: Write;
  resolve: () => void;
  reject: (error: Error) => void;
  /** It may be in the intake already: the connection broke before that was known. */
  wasSent: boolean;
  /** Whoever added it has an answer. */
  isDone: boolean;
  /** When it came, and when to give up, by `performance.now()`. */
  addedAt: number;
  giveUpAt: number;
}

export class IntakeBuffer {
  readonly #options: IntakeBufferOptions;
  #buffered: Buffered[] = [];
  #session: Session | null = null;
  #flushing: Promise<void> | null = null;
  #isStopped = false;
  readonly #trouble = new Trouble();
  #endRest: () => void = () => undefined;
  /** Inserts sent, and writes in them. */
  flushes = 0;
  writes = 0;

  constructor(options: IntakeBufferOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the write is in the intake.
   * @param waitMs How long to try while the database takes nothing. @default until it is withdrawn
   * @param wasSent It may be settled already, by a commit of which nothing is known.
   * @throws {SluiceError} `invalid_json` if the body cannot be stored; `stopping`; `storage_full`; at the end of the wait
   *   `database_unavailable`, or `outcome_unknown` if it may be in the intake
   */
  add(write: Write, waitMs = Number.POSITIVE_INFINITY, wasSent = false): Promise<void> {
    if (this.#isStopped) return Promise.reject(new SluiceError('stopping'));
    return new Promise((resolve, reject) => {
      const addedAt = performance.now();
      const giveUpAt = addedAt + waitMs;
      this.#buffered.push({ write, resolve, reject, wasSent, isDone: false, addedAt, giveUpAt });
      this.#flushing ??= this.#flushAll();
    });
  }

  /** Why the database takes no writes, as far as is known: it is tried again until it does. Null: it takes them. */
  get trouble(): DatabaseError | null {
    return this.#trouble.error;
  }

  /** Takes a write back that was never sent: nothing was applied, and nothing will be. False: it may be in the intake. */
  withdraw(writeId: string): boolean {
    const index = this.#buffered.findIndex(({ write }) => write.writeId === writeId);
    const found = this.#buffered[index];
    if (found === undefined || found.wasSent) return false;
    this.#buffered.splice(index, 1);
    found.reject(new SluiceError('database_unavailable', undefined, { retryAfterSeconds: 1 }));
    return true;
  }

  /** Takes no more, and tries no more what it could not send so far. */
  giveUp(): void {
    this.#isStopped = true;
    this.#endRest();
    for (const { reject, wasSent } of this.#buffered.splice(0)) {
      reject(new SluiceError(wasSent ? 'outcome_unknown' : 'stopping'));
    }
  }

  async stop(): Promise<void> {
    this.giveUp();
    await this.#flushing;
    await this.#session?.close();
  }

  async #flushAll(): Promise<void> {
    // Whatever the caller adds in this turn of the event loop goes along.
    await Promise.resolve();
    // Once it has failed it is tried until it goes well, although nothing waits: somebody may wait for that.
    while (this.#buffered.length > 0 || (this.trouble !== null && !this.#isStopped)) {
      try {
        const session = await this.#open();
        if (this.#buffered.length === 0) await assertAbility((...query) => session.run(...query), ['submit']);
        else await this.#flush(session, takeFront(this.#buffered, this.#options.flushWritesMax));
        this.#trouble.end();
      } catch (error) {
        this.#options.onError(error, 'insert into the intake');
        this.#trouble.note(error);
        await this.#session?.close();
        if (this.#isStopped) break;
        // The writes stay buffered, so that whoever stops waiting can take them back.
        this.#giveUpLate();
        await this.#rest(this.#trouble.restMs);
      }
    }
    this.#flushing = null;
  }

  #rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #giveUpLate(): void {
    const now = performance.now();
    const late = this.#buffered.filter(({ giveUpAt }) => giveUpAt <= now);
    if (late.length === 0) return;
    this.#buffered = this.#buffered.filter(({ giveUpAt }) => giveUpAt > now);
    for (const { reject, wasSent } of late) {
      reject(new SluiceError(wasSent ? 'outcome_unknown' : 'database_unavailable'));
    }
  }

  async #open(): Promise<Session> {
    if (this.#session?.ended.aborted === false) return this.#session;
    const settings: Record<string, string> = {
      ...this.#options.connection.settings,
      ...(this.#options.isDurable ? {} : { synchronous_commit: 'off' }),
      // One statement, and nothing in its plan depends on the values.
      plan_cache_mode: 'force_generic_plan',
      // While one is under way, drains pass over all that is settled since (sql/README.md, low-water marks).
      statement_timeout: '10s',
    };
    const { connection } = this.#options;
    // Above the statement's own limit: what is not answered by then is lost.
    const answerTimeoutMs = Math.min(connection.answerTimeoutMs ?? Infinity, 12_000);
    this.#session = await Session.open({ ...connection, settings, answerTimeoutMs });
    return this.#session;
  }

  /** @throws {DatabaseError} if the database takes none now: they wait again */
  async #flush(session: Session, batch: Buffered[]): Promise<void> {
    try {
      await this.#insert(session, batch);
    } catch (error) {
      const left = batch.filter(({ isDone }) => !isDone);
      // That there is no room is said at once, of those that are certain not to be there.
      const isFull = error instanceof DatabaseError && error.sqlState === '53100';
      const leaves = ({ wasSent }: Buffered): boolean => this.#isStopped || (isFull && !wasSent);
      for (const each of left.filter(leaves)) {
        const code = isFull ? 'storage_full' : 'database_unavailable';
        rejectAll([each], new SluiceError(each.wasSent ? 'outcome_unknown' : code));
      }
      this.#buffered.unshift(...left.filter((each) => !leaves(each)));
      throw error;
    }
  }

  /**
   * Inserts the writes; on a fault of one of them, in halves, until it stands alone.
   * @throws {DatabaseError} if it is the fault of none: those that are not done are to be sent again
   */
  async #insert(
    session: Session,
    batch: Buffered[],
    withHint = this.#options.notifications,
    isAgain = batch.some(({ wasSent }) => wasSent),
  ): Promise<void> {
    this.flushes += 1;
    this.writes += batch.length;
    try {
      await session.flight(this.#statements(batch, withHint, isAgain));
      this.#observe(batch);
      resolveAll(batch);
    } catch (error) {
      if (!(error instanceof DatabaseError)) return rejectAll(batch, error as Error);
      // It may be in the intake or not: the key of the intake and that of the outcome bear a second insert.
      for (const each of batch) each.wasSent ||= !error.isRefusal;
      // One of them is in the intake already: an insert that was thought lost.
      if (error.sqlState === '23505' && !isAgain) return this.#insert(session, batch, withHint, true);
      if (error.sqlState === '23505' && batch.length === 1) return resolveAll(batch);
      if (withHint && error.sqlState === '54000' && error.statement === 'insertIntake') {
        // Either the notification queue is full or a value is too large: without the hint it is only the latter.
        return this.#insert(session, batch, false, isAgain);
      }
      if (error.isConnectionLoss || error.isUnfit || error.isServerTrouble || error.isTransient) throw error;
      if (batch.length === 1) return this.#refuse(batch, error);
      const middle = Math.ceil(batch.length / 2);
      await this.#insert(session, batch.slice(0, middle), withHint, isAgain);
      await this.#insert(session, batch.slice(middle), withHint, isAgain);
    }
  }

  #refuse(alone: readonly Buffered[], error: DatabaseError): void {
    if (error.isUnstorableValue)
      return rejectAll(alone, new SluiceError('invalid_json', undefined, { detail: { path: '$' } }));
    this.#options.onError(error, 'insert into the intake');
    const code = alone[0]?.wasSent === true ? 'outcome_unknown' : 'database_unavailable';
    rejectAll(alone, new SluiceError(code, undefined, { cause: error }));
  }

  #observe(batch: readonly Buffered[]): void {
    for (const { write, addedAt } of batch) traceIntake(write, addedAt);
    const { observer } = this.#options;
    if (observer === undefined) return;
    const now = performance.now();
    observer.inserted(batch.length);
    for (const { addedAt } of batch) observer.taken((now - addedAt) / 1000);
  }

  #statements(batch: readonly Buffered[], withHint: boolean, isAgain: boolean): Statement[] {
    const ridesAlong = withHint && !this.#options.isDurable;
    const of = <V>(value: (write: Write) => V): V[] => batch.map(({ write }) => value(write));
    const now = this.#options.clock.now();
    const [channels, lanes] = withHint ? wakeupsOf(of((write) => write.lane)) : noWakeup;
    const insert: Statement = {
      name: 'insertIntake',
      values: [
        of((write) => write.writeId),
        of((write) => write.lane),
        of((write) => write.operation),
        of((write) => write.resource),
        of((write) => write.documentId),
        of((write) => write.referentialId),
        of((write) => write.superclassId),
        of((write) => `{${write.referenceIds.join(',')}}`),
        of((write) => write.contentHash),
        of((write) => write.ifMatch),
        of((write) => write.client),
        of((write) => write.idempotencyKey),
        // Sent as a length of time: the database's clock, which the process only knows about, sets the deadline.
        of(({ referenceDeadline }) =>
          referenceDeadline === null ? null : (Date.parse(referenceDeadline) - now) / 1000,
        ),
        of((write) => write.node),
        of((write) => write.body),
        ridesAlong ? channels : [],
        isAgain,
        batch.some(({ write }) => write.traceparent !== null) ? of((write) => write.traceparent) : [],
        ridesAlong ? lanes : [],
      ],
    };
    return withHint && !ridesAlong
      ? [insert, { name: 'hintWriters', values: [channels, lanes], isOptional: true }]
      : [insert];
  }
}

function resolveAll(batch: readonly Buffered[]): void {
  for (const each of batch) {
    each.isDone = true;
    each.resolve();
  }
}

function rejectAll(batch: readonly Buffered[], error: Error): void {
  for (const each of batch) {
    each.isDone = true;
    each.reject(error);
  }
}
