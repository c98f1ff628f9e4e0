/**
 * `direct` and `local`: batches from the node's own memory, through the same engine, without an intake. Direct takes
 * one write a batch over many sessions; local takes all that gathered while its few sessions were busy.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError, type Outcome, type Write } from '@sluice/protocol';
import {
  cancelWrite,
  memoryOrigin,
  outcomeOf,
  settleBatch,
  type BatchReport,
  type SettleOptions,
} from '@sluice/batch';
import {
  DatabaseError,
  type Database,
  type DatabaseClock,
  type PoolUsage,
  type Session,
  SessionPool,
} from '@sluice/store';
import { behindAll } from './prepare-write.ts';
import { takeFront } from './take-front.ts';
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
  wasUnderWay: boolean;
  /** The wait is over: answered as soon as it is certain that no batch applies it. */
  isLate: boolean;
  deadline: NodeJS.Timeout;
}

export class MemoryPath implements WritePath {
  readonly #options: MemoryPathOptions;
  readonly #sessions: SessionPool;
  readonly #waiters = new Map<string, Waiter>();
  #isDue = false;
  #queue: Waiter[] = [];
  readonly #resting = new Set<Waiter>();
  #batches = new Set<Promise<void>>();
  #restTimer: NodeJS.Timeout | null = null;
  readonly #isEnding = new AbortController();

  constructor(options: MemoryPathOptions) {
    this.#options = options;
    this.#sessions = new SessionPool({
      ...options.database.options,
      sessionsMax: options.sessionsMax,
      settings: { plan_cache_mode: 'force_generic_plan' },
    });
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

  submit(write: Write, waitMs: number): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => this.#endWait(waiter), waitMs);
      const waiter: Waiter = {
        write,
        resolve,
        reject,
        isUnderWay: false,
        wasUnderWay: false,
        isLate: false,
        deadline,
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
      const [row] = await this.#options.database.run('readOutcomes', [[writeId]]).catch(() => []);
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
    while (this.#queue.length > 0 && this.#batches.size < this.#options.sessionsMax) {
      const batch = takeFront(this.#queue, this.#options.batchWritesMax);
      for (const waiter of batch) waiter.isUnderWay = waiter.wasUnderWay = true;
      const settled = this.#settle(batch).finally(() => {
        this.#batches.delete(settled);
        this.#work();
      });
      this.#batches.add(settled);
    }
  }

  async #settle(batch: readonly Waiter[]): Promise<void> {
    let held = new Set<string>();
    try {
      await this.#sessions.use(async (session) => {
        expireDeadlines(batch, this.#options.clock.now());
        const origin = memoryOrigin(batch.map(({ write }) => write));
        const report = await settleBatch(session, origin, this.#options.settle);
        held = new Set(report.held.map((write) => write.writeId));
        this.#take(report);
        await notePositions(session, report);
        this.#options.onBatch(report);
        await this.#readElsewhere(session, batch, held);
      });
    } catch (error) {
      if (error instanceof DatabaseError) {
        // The commit may have happened or not: the outcomes tell, and bear a second try.
        this.#options.onError(error, 'settle a batch');
      } else {
        const refusal =
          error instanceof SluiceError ? error : new SluiceError('internal', undefined, { cause: error });
        if (error instanceof SluiceError) this.#options.onError(error, 'settle a batch');
        for (const waiter of batch) this.#reject(waiter, refusal);
      }
    }
    const left = batch.filter((waiter) => this.#waiters.has(waiter.write.writeId));
    for (const waiter of left) waiter.isUnderWay = false;
    await Promise.all(left.filter((waiter) => waiter.isLate).map((waiter) => this.#decideLate(waiter)));
    const again = left.filter((waiter) => !waiter.isLate);
    // Held back only until this batch was committed: they go first in the next. The others wait for something else.
    this.#queue.unshift(...again.filter((waiter) => held.has(waiter.write.writeId)));
    for (const waiter of again) if (!held.has(waiter.write.writeId)) this.#resting.add(waiter);
  }

  #take(report: BatchReport): void {
    for (const { write, outcome } of report.outcomes) this.#resolve(write.writeId, outcome);
    for (const { write, error } of report.failed) {
      const waiter = this.#waiters.get(write.writeId);
      const code = error instanceof DatabaseError && error.isUnstorableValue ? 'invalid_json' : 'internal';
      if (waiter !== undefined)
        this.#reject(waiter, new SluiceError(code, undefined, { detail: { path: '$' } }));
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
    try {
      const outcome = await this.#sessions.use((session) => cancelWrite(session, write));
      this.#resolve(write.writeId, outcome);
    } catch (error) {
      this.#options.onError(error, 'cancel a write');
      // What no batch has ever held cannot have been applied.
      const code = waiter.wasUnderWay ? 'outcome_unknown' : 'database_unavailable';
      this.#reject(waiter, new SluiceError(code, undefined, { detail: { writeId: write.writeId } }));
    }
  }

  #resolve(writeId: string, outcome: Outcome): void {
    const waiter = this.#waiters.get(writeId);
    if (waiter === undefined) return;
    this.#waiters.delete(writeId);
    clearTimeout(waiter.deadline);
    waiter.resolve(outcome);
  }

  #reject(waiter: Waiter, error: Error): void {
    this.#waiters.delete(waiter.write.writeId);
    clearTimeout(waiter.deadline);
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
