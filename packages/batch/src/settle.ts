/**
 * Settles a batch, and sees to it that no write fails because of its neighbours: what fails is tried again as its error
 * asks, with facts read anew or after a moment, and else in halves until the write that causes it stands alone.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { WriteHeader } from '@sluice/protocol';
import { DatabaseError, projectionsDiffer, type Session } from '@sluice/store';
import { notApplied, refusal } from './answer.ts';
import {
  attemptBatch,
  commitPlan,
  emptyReport,
  limitsOf,
  type AttemptOptions,
  type BatchReport,
} from './attempt.ts';
import { isBatchFault, reducedFault, remedyFor, type BatchFault, type Remedy } from './fault.ts';
import { describeRetry, type BatchRetry } from './describe-retry.ts';
import type { Origin } from './origin.ts';
import { RetryNote } from './retry-note.ts';
import { emptyPlan } from './plan.ts';
import { traceBatch } from './trace-batch.ts';

export interface SettleOptions extends Omit<AttemptOptions, 'withSettled' | 'withLocks'> {
  /** Told of each transaction that failed and what is done about it, for a log. @default nobody */
  onRetry?: (retry: BatchRetry) => void;
  /** Nobody waits for these writes any more: what others stand in the way of is not tried again. @default never */
  isOver?: (writeIds: readonly string[]) => boolean;
}

/** Locks that one batch waits for in vain, at most; what is left then comes with the next. */
const lockWaitsMax = 16;

type PartOptions = SettleOptions & Pick<AttemptOptions, 'withLocks'>;

/**
 * Settles what its origin offers, in one transaction where nothing fails.
 * @param only Names the writes that it is about. @default all that the origin finds
 * @param report Tells what was committed before an error was thrown.
 * @throws {DatabaseError} where the connection is lost: what was sent may have been committed or not; where the server
 *   refuses, or lacks, what it needs for any batch: the part that met it was not committed
 * @throws {DeposedError} where another writer leads the lanes by now
 * @throws {SluiceError} `deployment_disagrees` where the deployment has agreed on other projections
 */
export async function settleBatch(
  session: Session,
  origin: Origin,
  options: SettleOptions,
  only: readonly string[] | null = null,
  report: BatchReport = emptyReport(),
): Promise<BatchReport> {
  const withLocks = options.lockWaitMs !== undefined || options.caution?.isOn === true;
  await settlePart(session, origin, only, { ...options, withLocks }, report);
  traceBatch(report);
  return report;
}

/** Sets a write aside that has killed whoever tried it: without trying it again. */
export async function buryWrite(
  session: Session,
  origin: Origin,
  writeId: string,
  attempts: number,
): Promise<BatchReport> {
  const report = emptyReport();
  const fault = new DatabaseError({ sqlState: writerDied, message: 'each writer ended that tried it' });
  await settleAlone(session, origin, [writeId], 'set_aside', fault, attempts, report);
  traceBatch(report);
  return report;
}

/** Stands for the error that nobody lived to tell, in the form of PostgreSQL's codes. */
export const writerDied = 'SL003';

async function settlePart(
  session: Session,
  origin: Origin,
  only: readonly string[] | null,
  options: PartOptions,
  report: BatchReport,
): Promise<void> {
  let withSettled = false;
  let { withLocks } = options;
  const note = new RetryNote(session, origin);
  for (let attempt = 1; ; attempt++) {
    const opened: WriteHeader[] = [];
    try {
      await attemptBatch(session, origin, only, { ...options, withSettled, withLocks }, report, opened);
      await note.forget();
      return;
    } catch (error) {
      // A session that lives on must not keep a transaction open.
      if (!(error instanceof DatabaseError) || !error.isConnectionLoss)
        await session.flight([{ name: 'rollback' }]);
      if (error instanceof DatabaseError && error.isDisagreement) throw projectionsDiffer();
      if (!isBatchFault(error, opened.length)) throw error;
      report.errors.push(reducedFault(error).code ?? '');
      withSettled ||= error instanceof DatabaseError && error.isStaleFacts;
      const ids = opened.map((write) => write.writeId);
      const remedy = remedyFor(
        error,
        options.isOver?.(ids) === true ? Infinity : attempt,
        ids.length,
        withLocks,
      );
      options.onRetry?.(describeRetry(report, origin, opened, error, attempt, remedy));
      if (error instanceof DatabaseError && error.isLockWaitOver) {
        // Who has looked for locks already would find no more by it.
        if (!withLocks) options.caution?.note();
        report.lockWaits += 1;
      }
      // Where everybody has to wait, as for a lock on a table, it is of no use to ask each of them.
      if (report.lockWaits > lockWaitsMax) return void report.held.push(...opened);
      if (remedy === 'look_for_locks') {
        withLocks = true;
        continue;
      }
      if (remedy === 'try_again') {
        const isTransient = error instanceof DatabaseError && error.isTransient;
        const pauseMs = isTransient ? randomInt(5, 20 * 2 ** attempt) : 0;
        // Once is nothing to tell.
        if (attempt > 1) await note.write(attempt, pauseMs, reducedFault(error).code);
        if (pauseMs > 0) await pause(pauseMs);
        continue;
      }
      if (remedy === 'halve') {
        await settleHalves(session, origin, ids, { ...options, withLocks }, report);
      } else {
        await settleAlone(session, origin, ids, remedy, error, attempt, report);
      }
      await note.forget();
      return;
    }
  }
}

/**
 * Nothing of the second half may overtake what the first has not settled: it goes behind what that has blocked, and takes
 * along what that has held back.
 */
async function settleHalves(
  session: Session,
  origin: Origin,
  ids: readonly string[],
  options: PartOptions,
  report: BatchReport,
): Promise<void> {
  const middle = Math.ceil(ids.length / 2);
  const heldBefore = report.held.length;
  const blockedBefore = report.blocked.length;
  await settlePart(session, origin, ids.slice(0, middle), options, report);
  const withBlocked = options.withBlocked === true || report.blocked.length > blockedBefore;
  const held = report.held.splice(heldBefore).map((write) => write.writeId);
  await settlePart(session, origin, [...held, ...ids.slice(middle)], { ...options, withBlocked }, report);
}

/**
 * Settles a write that cannot be applied: refused by a projection, always in others' way, or set aside for an operator.
 * One that waits for a lock is blocked. A write that is in nobody's intake has nowhere to be set aside: its node is told.
 */
async function settleAlone(
  session: Session,
  origin: Origin,
  ids: readonly string[],
  remedy: Exclude<Remedy, 'try_again' | 'look_for_locks' | 'halve'>,
  fault: BatchFault,
  attempts: number,
  report: BatchReport,
): Promise<void> {
  const { writes, prefix } = await origin.open(session, ids, limitsOf({ withLocks: remedy === 'block' }));
  const [write] = writes;
  if (write === undefined) return void (await session.flight([{ name: 'rollback' }]));
  if (remedy === 'block') return blockWrite(session, origin, write, report);
  if (remedy === 'set_aside' && origin.bodies !== null) {
    report.failed.push({ write, error: fault });
    return;
  }
  if (prefix.length > 0) await session.flight(prefix);
  const error = reducedFault(fault);
  const outcome =
    remedy === 'refuse'
      ? refusal(write, 'projection_refused')
      : remedy === 'answer_conflict'
        ? notApplied(write, 'write_conflict')
        : notApplied(write, 'dead_letter', { error });
  report.transactions += 1;
  const plan = { ...emptyPlan(), outcomes: [{ write, outcome }] };
  await commitPlan(session, origin, plan, report, {
    burials: remedy === 'set_aside' ? [{ write, attempts, error }] : [],
  });
}

/** Where even that has to wait for a lock, as somebody has locked the write's own row, its lane stands still. */
async function blockWrite(
  session: Session,
  origin: Origin,
  write: WriteHeader,
  report: BatchReport,
): Promise<void> {
  const plan = { ...emptyPlan(), blocked: [{ write, awaits: [write.writeId] }] };
  report.waited.push(write);
  if (origin.bodies !== null) return void report.blocked.push(...plan.blocked);
  try {
    report.transactions += 1;
    await commitPlan(session, origin, plan, report, {});
  } catch (error) {
    if (!(error instanceof DatabaseError) || !error.isLockWaitOver) throw error;
    await session.flight([{ name: 'rollback' }]);
    origin.leaveOut([write.lane]);
  }
}
