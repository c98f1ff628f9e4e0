/**
 * Settles a batch, and sees to it that no write fails because of its neighbours: what fails is tried again as its error
 * asks, with facts read anew or after a moment, and else in halves until the write that causes it stands alone.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { WriteHeader } from '@sluice/protocol';
import { DatabaseError, type Session } from '@sluice/store';
import { notApplied, refusal } from './answer.ts';
import { attemptBatch, commitPlan, emptyReport, type AttemptOptions, type BatchReport } from './attempt.ts';
import { isBatchFault, reducedFault, remedyFor, type BatchFault, type Remedy } from './fault.ts';
import type { Origin } from './origin.ts';
import { RetryNote } from './retry-note.ts';
import { emptyPlan } from './plan.ts';
import { traceBatch } from './trace-batch.ts';

export interface SettleOptions extends Omit<AttemptOptions, 'withSettled'> {
  /** Nobody waits for these writes any more: what others stand in the way of is not tried again. @default never */
  isOver?: (writeIds: readonly string[]) => boolean;
}

/**
 * Settles what its origin offers, in one transaction where nothing fails.
 * @param only Names the writes that it is about. @default all that the origin finds
 * @param report Tells what was committed before an error was thrown.
 * @throws {DatabaseError} where the connection is lost: what was sent may have been committed or not; where the server
 *   refuses, or lacks, what it needs for any batch: the part that met it was not committed
 * @throws {DeposedError} where another writer leads the lanes by now
 */
export async function settleBatch(
  session: Session,
  origin: Origin,
  options: SettleOptions,
  only: readonly string[] | null = null,
  report: BatchReport = emptyReport(),
): Promise<BatchReport> {
  await settlePart(session, origin, only, options, report);
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
  options: SettleOptions,
  report: BatchReport,
): Promise<void> {
  let withSettled = false;
  const note = new RetryNote(session, origin);
  for (let attempt = 1; ; attempt++) {
    const opened: WriteHeader[] = [];
    try {
      await attemptBatch(session, origin, only, { ...options, withSettled }, report, opened);
      await note.forget();
      return;
    } catch (error) {
      // A session that lives on must not keep a transaction open.
      if (!(error instanceof DatabaseError) || !error.isConnectionLoss)
        await session.flight([{ name: 'rollback' }]);
      if (!isBatchFault(error, opened.length)) throw error;
      report.errors.push(reducedFault(error).code ?? '');
      withSettled ||= error instanceof DatabaseError && error.isStaleFacts;
      const ids = opened.map((write) => write.writeId);
      const remedy = remedyFor(error, options.isOver?.(ids) === true ? Infinity : attempt, ids.length);
      if (remedy === 'try_again') {
        const isTransient = error instanceof DatabaseError && error.isTransient;
        const pauseMs = isTransient ? randomInt(5, 20 * 2 ** attempt) : 0;
        // Once is nothing to tell.
        if (attempt > 1) await note.write(attempt, pauseMs, reducedFault(error).code);
        if (pauseMs > 0) await pause(pauseMs);
        continue;
      }
      if (remedy === 'halve') {
        await settleHalves(session, origin, ids, options, report);
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
  options: SettleOptions,
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
 * A write that is in nobody's intake has nowhere to be set aside: its node is told the error.
 */
async function settleAlone(
  session: Session,
  origin: Origin,
  ids: readonly string[],
  remedy: Exclude<Remedy, 'try_again' | 'halve'>,
  fault: BatchFault,
  attempts: number,
  report: BatchReport,
): Promise<void> {
  const { writes, prefix } = await origin.open(session, ids);
  const [write] = writes;
  if (write === undefined) return void (await session.flight([{ name: 'rollback' }]));
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
