/**
 * `direct` and `local`: batches from the node's own memory, through the same engine, without an intake. Direct takes
 * one write a batch over many sessions; local takes all that gathered while its few sessions were busy.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError, type ErrorCode, type Outcome, type Write } from '@sluice/protocol';
import {
  cancelWrite,
  Caution,
  emptyReport,
  memoryOrigin,
  outcomeOf,
  settleBatch,
  waitsForLock,
  type BatchReport,
  type SettleOptions,
} from '@sluice/batch';
import {
  assertAbility,
  DatabaseError,
  type Database,
  type DatabaseClock,
  type PoolUsage,
  type Session,
  SessionPool,
} from '@sluice/store';
import { ContendedDocuments } from './contended-documents.ts';
import { behindAll } from './prepare-write.ts';
import { takeFront } from './take-front.ts';
import { Trouble } from './trouble.ts';
import type { LanesStatus, WritePath } from './write-path.ts';

export interface MemoryPathOptions {
  database: Database;
  clock: DatabaseClock;
  settle: SettleOptions;
  /** Writes in one batch, at most: 1 in direct mode. */
  batchWritesMax: number;
  sessionsMax: number;
  /** How long a write rests that waits for one in the intake or for a connection. */
  pollIntervalMs: number;
  onBatch: (report: BatchReport) => void;
  onError: (error: unknown, doing: string) => void;
}

interface Waiter {
  write: Write;
  resolve: (outcome: Outcome) => void;
  reject: (error: Error) => void;
  isUnderWay: boolean;
  /** A commit may have applied it, of which nothing is known. */
  mayBeApplied: boolean;
  /** The wait is over: answered as soon as it is certain that no batch applies it. */
  isLate: boolean;
  deadline: NodeJS.Timeout;
  /** How often it has met a row that another transaction had locked. */
  lockTries: number;
}

/**
 * Whoever stands in the way of a write is waited for no longer than by a leader, and a node that is frozen keeps its locks no
 * longer. What meets a limit is tried again as in a leader's batch, and then answered: nothing was applied.
 */
const sessionSettings = {
  plan_cache_mode: 'force_generic_plan',
  lock_timeout: '1s',
  statement_timeout: '10s',
  idle_in_transaction_session_timeout: '2s',
  transaction_timeout: '20s',
};
/** Above the longest of them. */
const answerTimeoutMs = 22_000;
/** How long a write rests at first that needs a row which another transaction has locked: batches hold one for milliseconds. */
const lockedRestMs = 5;
/** How long it waits then for locks that cannot be looked for. */
const lockedWaitMs = 25;

export class MemoryPath implements WritePath {
  readonly #options: MemoryPathOptions;
  readonly #sessions: SessionPool;
  readonly #waiters = new Map<string, Waiter>();
  #isDue = false;
  #queue: Waiter[] = [];
  readonly #resting = new Set<Waiter>();
  #batches = new Set<Promise<void>>();
  #restTimer: NodeJS.Timeout | null = null;
  readonly #trouble = new Trouble();
  readonly #isEnding = new AbortController();
  readonly #caution = new Caution();
  readonly #contended = new ContendedDocuments<Waiter>();

  constructor(options: MemoryPathOptions) {
    this.#options = options;
    const connection = options.database.options;
    this.#sessions = new SessionPool({
      answerTimeoutMs,
      ...connection,
      sessionsMax: options.sessionsMax,
      settings: { ...connection.settings, ...sessionSettings },
    });
  }

  get trouble(): DatabaseError | null {
    return this.#trouble.error;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  readonly isListening = false;

  get pools(): Record<string, PoolUsage> {
    return { batches: this.#sessions.usage };
  }

  start(): Promise<void> {
    this.#restTimer = setInterval(() => {
      this.#queue.push(...this.#resting);
      this.#resting.clear();
      // Nobody would find out otherwise that it is over.
      if (this.trouble !== null && this.#queue.length === 0 && this.#batches.size === 0) this.#probe();
      this.#work();
    }, this.#options.pollIntervalMs);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    while (this.#waiters.size > 0) {
      this.#work();
      await Promise.race([
        ...this.#batches,
        new Promise((resolve) => setTimeout(resolve, this.#options.pollIntervalMs)),
      ]);
    }
    if (this.#restTimer !== null) clearInterval(this.#restTimer);
    await Promise.all(this.#batches);
    await this.#sessions.close();
  }

  status(): Promise<LanesStatus> {
    return Promise.resolve({ lanesWithoutLeader: [], lanesOverloaded: [] });
  }

  endWaits(): void {
    for (const waiter of this.#waiters.values()) this.#endWait(waiter);
    this.#isEnding.abort();
  }

  abandon(): void {
    for (const waiter of this.#waiters.values()) {
      const { writeId } = waiter.write;
      const isUnknown = waiter.isUnderWay || waiter.mayBeApplied;
      const code = isUnknown ? 'outcome_unknown' : 'database_unavailable';
      this.#reject(waiter, new SluiceError(code, undefined, { detail: { writeId } }));
    }
  }

  submit(write: Write, waitMs: number): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => this.#endWait(waiter), waitMs);
      const waiter: Waiter = {
        write,
        resolve,
        reject,
        isUnderWay: false,
        mayBeApplied: false,
        isLate: false,
        deadline,
        lockTries: 0,
      };
      this.#waiters.set(write.writeId, waiter);
      this.#queue.push(waiter);
      this.#work();
    });
  }

  accept(): Promise<void> {
    return Promise.reject(
      new SluiceError('invalid_request', 'Cannot answer before the outcome without an intake'),
    );
  }

  /** The write is in the intake, and others settle it: looks until they have. */
  async join(writeId: string, _lane: number, waitMs: number): Promise<Outcome> {
    const deadline = performance.now() + waitMs;
    do {
      const [row] = await this.#options.database.run('readOutcomes', [[writeId]]).catch((error: unknown) => {
        this.#options.onError(error, 'read outcomes');
        return [];
      });
      if (row !== undefined) return outcomeOf(row);
      await pause(this.#options.pollIntervalMs);
    } while (performance.now() < deadline && !this.#isEnding.signal.aborted);
    throw new SluiceError('outcome_unknown', undefined, { detail: { writeId } });
  }

  /**
   * Begins batches while sessions are free. Where a batch takes many writes, it does so at the end of this turn of the
   * event loop: the first of many that come together would otherwise go alone.
   */
  #work(): void {
    if (this.#options.batchWritesMax === 1) return this.#begin();
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#begin();
    });
  }

  #begin(): void {
    const { batchWritesMax, sessionsMax } = this.#options;
    while (
      this.#queue.length > 0 &&
      // What the server refuses to one it refuses to all: until one goes well, one is tried at a time.
      this.#batches.size < (this.trouble === null ? sessionsMax : 1) &&
      this.#trouble.restMs === 0
    ) {
      const taken = takeFront(this.#queue, batchWritesMax);
      const batch = taken.filter((waiter) => this.#contended.admits(waiter));
      if (batch.length === 0) continue;
      for (const waiter of batch) waiter.isUnderWay = true;
      this.#follow(this.#settle(batch));
    }
  }

  #follow(work: Promise<void>): void {
    const settled = work.finally(() => {
      this.#batches.delete(settled);
      this.#work();
    });
    this.#batches.add(settled);
  }

  /** Whether the server does such work again. */
  #probe(): void {
    if (this.#trouble.restMs > 0) return;
    const work = this.#sessions.use((session) =>
      assertAbility((...query) => session.run(...query), ['settle']),
    );
    this.#follow(
      work.then(
        () => this.#trouble.end(),
        (error: unknown) => this.#trouble.note(error),
      ),
    );
  }

  async #settle(batch: readonly Waiter[]): Promise<void> {
    let held = new Set<string>();
    const report = emptyReport();
    let locked = new Set<string>();
    try {
      await this.#sessions.use(async (session) => {
        expireDeadlines(batch, this.#options.clock.now());
        const origin = memoryOrigin(batch.map(({ write }) => write));
        const isOver = (ids: readonly string[]): boolean =>
          ids.every((id) => this.#waiters.get(id)?.isLate === true);
        await settleBatch(session, origin, { ...this.#settleOptions(batch), isOver }, null, report);
        held = new Set(report.held.map((write) => write.writeId));
        locked = new Set(report.blocked.filter(waitsForLock).map(({ write }) => write.writeId));
        this.#take(report);
        await notePositions(session, report);
        this.#options.onBatch(report);
        await this.#readElsewhere(session, batch, held);
      });
      this.#trouble.end();
    } catch (error) {
      this.#options.onError(error, 'settle a batch');
      // Parts of it may have been committed before.
      this.#take(report);
      if (error instanceof DatabaseError) {
        // The commit may have happened or not: the outcomes tell, and bear a second try.
        for (const waiter of batch) waiter.mayBeApplied ||= !error.isRefusal;
        this.#trouble.note(error);
      } else {
        const refusal =
          error instanceof SluiceError ? error : new SluiceError('internal', undefined, { cause: error });
        for (const waiter of batch) this.#reject(waiter, refusal);
      }
    }
    const left = batch.filter((waiter) => this.#waiters.has(waiter.write.writeId));
    for (const waiter of left) waiter.isUnderWay = false;
    await Promise.all(left.filter((waiter) => waiter.isLate).map((waiter) => this.#decideLate(waiter)));
    const again = left.filter((waiter) => !waiter.isLate);
    // Held back only until this batch was committed: they go first in the next. The others wait for something else.
    this.#queue.unshift(...again.filter((waiter) => held.has(waiter.write.writeId)));
    for (const waiter of again) {
      const { writeId } = waiter.write;
      const isLocked = locked.has(writeId);
      if (!isLocked) this.#passOn(waiter);
      else if (this.#isAlone) this.#contended.note(waiter);
      if (held.has(writeId) || !this.#contended.admits(waiter)) continue;
      this.#resting.add(waiter);
      if (isLocked) this.#restBriefly(waiter);
    }
  }

  /** Each write has a session to itself. */
  get #isAlone(): boolean {
    return this.#options.batchWritesMax === 1;
  }

  /** A lone write waits for its document in the order of those who want it; once, if that was in vain. */
  #settleOptions(batch: readonly Waiter[]): SettleOptions {
    const { settle } = this.#options;
    if (!this.#isAlone) return { ...settle, caution: this.#caution };
    return batch.some(({ lockTries }) => lockTries > 0) ? { ...settle, lockWaitMs: lockedWaitMs } : settle;
  }

  /** It wants its document no more: another that stands behind it is tried. */
  #passOn(waiter: Waiter): void {
    const next = this.#contended.leave(waiter);
    if (next === null) return;
    this.#queue.unshift(next);
    this.#work();
  }

  #restBriefly(waiter: Waiter): void {
    const rest = Math.min(lockedRestMs * 2 ** waiter.lockTries++, this.#options.pollIntervalMs);
    setTimeout(() => {
      if (!this.#resting.delete(waiter)) return;
      this.#queue.push(waiter);
      this.#work();
    }, rest);
  }

  #take(report: BatchReport): void {
    for (const { write, outcome } of report.outcomes) this.#resolve(write.writeId, outcome);
    for (const { write, error } of report.failed) {
      const waiter = this.#waiters.get(write.writeId);
      if (waiter === undefined) continue;
      const isUnstorable = error instanceof DatabaseError && error.isUnstorableValue;
      if (!isUnstorable) this.#options.onError(error, 'settle a write alone');
      const detail = { path: '$' };
      this.#reject(
        waiter,
        new SluiceError(isUnstorable ? 'invalid_json' : 'internal', undefined, { detail, cause: error }),
      );
    }
  }

  /** Writes that an earlier try has settled although its answer was lost. */
  async #readElsewhere(session: Session, batch: readonly Waiter[], held: ReadonlySet<string>): Promise<void> {
    const left = batch.filter(({ write }) => this.#waiters.has(write.writeId) && !held.has(write.writeId));
    if (left.length === 0) return;
    const rows = await session.run('readOutcomes', [left.map(({ write }) => write.writeId)]);
    for (const row of rows) this.#resolve(row['write_id'] as string, outcomeOf(row));
  }

  #endWait(waiter: Waiter): void {
    if (waiter.isLate) return;
    waiter.isLate = true;
    if (waiter.isUnderWay) return;
    this.#queue = this.#queue.filter((queued) => queued !== waiter);
    this.#resting.delete(waiter);
    void this.#decideLate(waiter);
  }

  /**
   * In no batch of this node: applied by an earlier one whose answer was lost, or never. A commit that was sent before
   * its connection broke may still arrive, so the outcome decides, as everywhere.
   */
  async #decideLate(waiter: Waiter): Promise<void> {
    const { write } = waiter;
    const { trouble } = this;
    if (trouble !== null && !waiter.mayBeApplied) return this.#rejectUnapplied(waiter, trouble);
    try {
      const outcome = await this.#sessions.use((session) => cancelWrite(session, write));
      this.#resolve(write.writeId, outcome);
    } catch (error) {
      this.#options.onError(error, 'cancel a write');
      if (!waiter.mayBeApplied) return this.#rejectUnapplied(waiter, error as Error);
      const { writeId } = write;
      this.#reject(
        waiter,
        new SluiceError('outcome_unknown', undefined, { detail: { writeId }, cause: error }),
      );
    }
  }

  /** No commit that could have applied it is without its answer. */
  #rejectUnapplied(waiter: Waiter, cause: Error): void {
    let code: ErrorCode = 'database_unavailable';
    if (cause instanceof DatabaseError && cause.isTransient) code = 'cancelled';
    if (cause instanceof DatabaseError && cause.sqlState === '53100') code = 'storage_full';
    this.#reject(waiter, new SluiceError(code, undefined, { retryAfterSeconds: 1, cause }));
  }

  #resolve(writeId: string, outcome: Outcome): void {
    const waiter = this.#waiters.get(writeId);
    if (waiter === undefined) return;
    this.#waiters.delete(writeId);
    clearTimeout(waiter.deadline);
    this.#passOn(waiter);
    waiter.resolve(outcome);
  }

  #reject(waiter: Waiter, error: Error): void {
    this.#waiters.delete(waiter.write.writeId);
    clearTimeout(waiter.deadline);
    this.#passOn(waiter);
    waiter.reject(error);
  }
}

/**
 * A write that waits for one in the intake goes on once everything is settled that came before it: not after what comes
 * from now on, or it might wait for ever.
 */
async function notePositions(session: Session, { blocked }: BatchReport): Promise<void> {
  const waiting = blocked.filter(({ write }) => write.position === behindAll);
  if (waiting.length === 0) return;
  const [row] = await session.run('readArrival');
  for (const { write } of waiting) write.position = (row?.['position'] as number) + 1;
}

/** A write whose deadline has passed waits for nobody any more. */
function expireDeadlines(batch: readonly Waiter[], now: number): void {
  for (const { write } of batch) {
    if (write.referenceDeadline !== null && Date.parse(write.referenceDeadline) <= now)
      write.referenceDeadline = null;
  }
}
