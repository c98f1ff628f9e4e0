/**
 * Sends writes to the intake: at once when no insert is in flight, else together with all that gathered meanwhile.
 * No timer: an idle node adds no wait, a busy one grows its batches by itself.
 *
 * The inserts are asynchronous commits, on a session reserved for them. That is safe because a client is answered
 * after the batch commit, which is synchronous and flushes all earlier WAL; a write that a crash took before that is
 * sent again by whoever waits for it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError, type Write } from '@sluice/protocol';
import {
  DatabaseError,
  noWakeup,
  reconnectDelayMs,
  Session,
  type ConnectionOptions,
  type DatabaseClock,
  type Statement,
  wakeupsOf,
} from '@sluice/store';
import type { ClientObserver } from './observer.ts';
import { takeFront } from './take-front.ts';
import { traceIntake } from './trace-write.ts';

export interface IntakeBufferOptions {
  connection: ConnectionOptions;
  clock: DatabaseClock;
  /** True: each insert is flushed before it is confirmed, and the hint follows in a statement of its own. */
  isDurable: boolean;
  /** Wake the writers. */
  notifications: boolean;
  flushWritesMax: number;
  observer?: ClientObserver | undefined;
}

interface Buffered {
  write: Write;
  resolve: () => void;
  reject: (error: Error) => void;
  /** It may be in the intake already: the connection broke before that was known. */
  wasSent: boolean;
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
  /** Inserts sent, and writes in them. */
  flushes = 0;
  writes = 0;

  constructor(options: IntakeBufferOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the write is in the intake.
   * @param waitMs How long to try while the database cannot be reached. @default until it is withdrawn
   * @throws {SluiceError} `invalid_json` if the body cannot be stored; `stopping`; at the end of the wait
   *   `database_unavailable`, or `outcome_unknown` if it may be in the intake
   */
  add(write: Write, waitMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#isStopped) return Promise.reject(new SluiceError('stopping'));
    return new Promise((resolve, reject) => {
      const addedAt = performance.now();
      this.#buffered.push({ write, resolve, reject, wasSent: false, addedAt, giveUpAt: addedAt + waitMs });
      this.#flushing ??= this.#flushAll();
    });
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
    for (let failures = 0; this.#buffered.length > 0;) {
      let session: Session;
      try {
        session = await this.#open();
      } catch {
        if (this.#isStopped) break;
        // The writes stay buffered, so that whoever stops waiting can take them back.
        this.#giveUpLate();
        await pause(reconnectDelayMs(failures++));
        continue;
      }
      failures = 0;
      await this.#insert(session, takeFront(this.#buffered, this.#options.flushWritesMax));
    }
    this.#flushing = null;
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
      // While one is under way, drains pass over all that is settled since (sql/README.md, low positions).
      statement_timeout: '10s',
    };
    const { connection } = this.#options;
    // Above the statement's own limit: what is not answered by then is lost.
    const answerTimeoutMs = Math.min(connection.answerTimeoutMs ?? Infinity, 12_000);
    this.#session = await Session.open({ ...connection, settings, answerTimeoutMs });
    return this.#session;
  }

  /** Inserts the writes; on a value that cannot be stored, in halves, until it stands alone. */
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
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (!(error instanceof DatabaseError)) return rejectAll(batch, error as Error);
      if (error.isConnectionLoss) {
        // It may be in the intake or not: the key of the intake and that of the outcome bear a second insert.
        if (this.#isStopped) return rejectAll(batch, new SluiceError('outcome_unknown'));
        for (const each of batch) each.wasSent = true;
        this.#buffered.unshift(...batch);
        return;
      }
      // One of them is in the intake already: an insert that was thought lost.
      if (error.sqlState === '23505' && !isAgain) return this.#insert(session, batch, withHint, true);
      if (withHint && error.sqlState === '54000' && error.statement === 'insertIntake') {
        // Either the notification queue is full or a value is too large: without the hint it is only the latter.
        return this.#insert(session, batch, false, isAgain);
      }
      const isAlone = batch.length === 1;
      if (isAlone && error.isUnstorableValue) {
        return rejectAll(batch, new SluiceError('invalid_json', undefined, { detail: { path: '$' } }));
      }
      if (isAlone || !error.isUnstorableValue) {
        const code = error.sqlState === '53100' ? 'storage_full' : 'database_unavailable';
        return rejectAll(batch, new SluiceError(code, `The intake takes no writes: ${error.message}`));
      }
      const middle = Math.ceil(batch.length / 2);
      await this.#insert(session, batch.slice(0, middle), withHint, isAgain);
      await this.#insert(session, batch.slice(middle), withHint, isAgain);
    }
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

function rejectAll(batch: readonly Buffered[], error: Error): void {
  for (const { reject } of batch) reject(error);
}
