/**
 * Transactions that a node makes of its own writes, on sessions with the limits of a policy. It answers the callers
 * of the writes that it settles. docs/modes.md has the limits.
 */
import { SluiceError, type Write } from '#protocol';
import {
  Caution,
  emptyReport,
  memoryOrigin,
  outcomeOf,
  settleAtOnce,
  settleBatch,
  TargetError,
  type BatchReport,
  type NotAtOnce,
  type SettleOptions,
} from '#batch';
import {
  assertAbility,
  DatabaseError,
  projectionsDiffer,
  SessionPool,
  type Database,
  type DatabaseClock,
  type PoolUsage,
  type Session,
} from '#store';
import { behindAll } from './new-write.ts';
import type { SettlePolicy } from './settle-policy.ts';
import { Trouble } from './trouble.ts';
import type { Submitter } from './waiter.ts';
import type { Waits } from './waits.ts';

export interface BatchAttemptsOptions {
  policy: SettlePolicy;
  waits: Waits;
  database: Database;
  clock: DatabaseClock;
  settle: SettleOptions;
  onBatch: (report: BatchReport) => void;
  onError: (error: unknown, doing: string) => void;
}

/** Longest wait of a lone write that has met a locked row, for locks that no query can find, in milliseconds. */
const lockedWaitMs = 25;

export class BatchAttempts {
  readonly #options: BatchAttemptsOptions;
  readonly #sessions: SessionPool;
  readonly #caution = new Caution();
  #hasToldDisagreement = false;
  /** The last refusal of the server, so that the server is rarely asked again. */
  readonly trouble = new Trouble();

  constructor(options: BatchAttemptsOptions) {
    this.#options = options;
    const { options: connection } = options.database;
    const { answerTimeoutMs, sessionsMax, limits } = options.policy;
    const settings = { ...connection.settings, ...limits };
    this.#sessions = new SessionPool({ answerTimeoutMs, ...connection, sessionsMax, settings });
  }

  get usage(): PoolUsage {
    return this.#sessions.usage;
  }

  async close(): Promise<void> {
    await this.#sessions.close();
  }

  /** Checks whether the server takes such work again. */
  async probe(): Promise<void> {
    try {
      await this.#sessions.use((session) => assertAbility((...query) => session.run(...query), ['settle']));
      this.trouble.end();
    } catch (error) {
      this.trouble.note(error);
    }
  }

  /** Settles what can be settled; returns what was settled even if the rest met an error. */
  async settle(batch: readonly Submitter[]): Promise<BatchReport> {
    const { waits, clock, onBatch, onError } = this.#options;
    const report = emptyReport();
    try {
      await this.#sessions.use(async (session) => {
        expireDeadlines(batch, clock.now());
        await settleBatch(session, memoryOrigin(writesOf(batch)), this.#settleOptions(batch), null, report);
        this.#take(report);
        await notePositions(session, report);
        onBatch(report);
        await this.#readElsewhere(session, batch, report);
      });
      this.trouble.end();
    } catch (error) {
      onError(error, 'settle a batch');
      this.#take(report);
      if (error instanceof DatabaseError) {
        // The commit may have happened or not: the outcomes decide, and allow a second try.
        for (const waiter of batch) waiter.wasSent ||= !error.isRefusal;
        this.trouble.note(error);
      } else {
        const refusal =
          error instanceof SluiceError ? error : new SluiceError('internal', undefined, { cause: error });
        for (const { writeId } of batch) waits.reject(writeId, refusal);
      }
    }
    return report;
  }

  /** Settles all of them, or none; then it returns the reason. */
  async settleAtOnce(batch: readonly Submitter[]): Promise<NotAtOnce | null> {
    const { settle, onBatch, onError } = this.#options;
    try {
      const report = await this.#sessions.use((session) => settleAtOnce(session, writesOf(batch), settle));
      if (typeof report === 'string') {
        // Logged once, because a node may well run without projections beside writers that have them.
        if (report === 'disagreed' && !this.#hasToldDisagreement)
          onError(projectionsDiffer(), 'settle writes at once');
        this.#hasToldDisagreement ||= report === 'disagreed';
        return report;
      }
      this.#hasToldDisagreement = false;
      this.#take(report);
      onBatch(report);
      return null;
    } catch (error) {
      onError(error, 'settle writes at once');
      const isRefusal = error instanceof DatabaseError && error.isRefusal;
      for (const waiter of batch) waiter.wasSent ||= !isRefusal;
      return 'busy';
    }
  }

  /** A lone write queues for the lock of its document, but only once if that was in vain. */
  #settleOptions(batch: readonly Submitter[]): SettleOptions {
    const { policy, settle, waits } = this.#options;
    const options = { ...settle, isOver: (ids: readonly string[]) => waits.areEnding(ids) };
    if (policy.writesMax > 1) return { ...options, caution: this.#caution };
    return batch.some(({ lockTries }) => lockTries > 0) ? { ...options, lockWaitMs: lockedWaitMs } : options;
  }

  #take(report: BatchReport): void {
    const { waits, onError } = this.#options;
    for (const { outcome } of report.outcomes) waits.resolve(outcome);
    for (const { write, error } of report.failed) {
      const isUnstorable = error instanceof DatabaseError && error.isUnstorableValue;
      if (!isUnstorable && waits.has(write.writeId)) onError(error, 'settle a write alone');
      const ofTarget = error instanceof TargetError ? 'target_failed' : 'internal';
      const code = isUnstorable ? 'invalid_json' : ofTarget;
      const detail = { path: '$' };
      waits.reject(write.writeId, new SluiceError(code, undefined, { detail, cause: error }));
    }
  }

  /** Finds writes that an earlier try has settled although its answer was lost. */
  async #readElsewhere(
    session: Session,
    batch: readonly Submitter[],
    { deferred }: BatchReport,
  ): Promise<void> {
    const { waits } = this.#options;
    const again = new Set(deferred.map(({ writeId }) => writeId));
    const left = batch.filter(({ writeId }) => waits.has(writeId) && !again.has(writeId));
    if (left.length === 0) return;
    const rows = await session.run('readOutcomes', [left.map(({ writeId }) => writeId)]);
    for (const row of rows) waits.resolve(outcomeOf(row));
  }
}

function writesOf(batch: readonly Submitter[]): Write[] {
  return batch.map(({ write }) => write);
}

/**
 * A write that waits for one in the intake goes on once everything before it is settled. Later writes do not count,
 * or it might wait for ever.
 */
async function notePositions(session: Session, { blocked }: BatchReport): Promise<void> {
  const waiting = blocked.filter(({ write }) => write.position === behindAll);
  if (waiting.length === 0) return;
  const [row] = await session.run('readArrival');
  for (const { write } of waiting) write.position = (row?.['position'] as number) + 1;
}

/** Ends the wait for references of writes whose deadline has passed. */
function expireDeadlines(batch: readonly Submitter[], now: number): void {
  for (const { write } of batch) {
    if (write.referenceDeadline !== null && Date.parse(write.referenceDeadline) <= now)
      write.referenceDeadline = null;
  }
}
