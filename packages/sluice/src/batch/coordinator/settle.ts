/**
 * Settles a batch, and ensures that no write fails because of others. A failed batch is tried again as its error
 * requires: with new facts, after a pause, or in halves until the faulty write is alone.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { WriteHeader } from '#protocol';
import { DatabaseError, type Session } from '#store';
import { attemptBatch, type AttemptOptions } from './attempt.ts';
import { reducedFault, remedyFor, triesMax, type BatchFault } from './fault.ts';
import { noteLockers } from './note-lockers.ts';
import type { Origin } from './origin.ts';
import type { BatchReport } from './report.ts';
import { describeRetry, RetryNote, type BatchRetry } from './retry.ts';
import { faultOf, settleAlone, type Part } from './settle-alone.ts';
import { traceBatch } from './trace.ts';

export interface BatchOptions extends Omit<AttemptOptions, 'withSettled' | 'withLocks' | 'isAtOnce'> {
  /** Receives each failed transaction and its remedy, for a log. @default not reported */
  onRetry?: (retry: BatchRetry) => void;
  /** Whether no caller waits for these writes any more, so that a conflict is not retried. @default never */
  isOver?: (writeIds: readonly string[]) => boolean;
}

/** Most locks that one batch waits for in vain. The writes that are left come with the next batch. */
const lockWaitsMax = 16;

type PartOptions = BatchOptions & Pick<AttemptOptions, 'withLocks'>;

/**
 * Settles the writes of its origin, in one transaction if nothing fails.
 * @param only Ids of the writes to settle; null: all that the origin finds.
 * @param report Says what was committed before an error was thrown.
 * @throws {DatabaseError} if the connection is lost: the last part may be committed or not. Also if the server
 *   refuses all batches: the part that met the error was not committed.
 * @throws {DeposedError} if another writer leads the lanes now
 * @throws {SluiceError} `deployment_disagrees` if the deployment has agreed on other projections
 */
export async function settle(
  session: Session,
  origin: Origin,
  options: BatchOptions,
  only: readonly string[] | null,
  report: BatchReport,
): Promise<BatchReport> {
  const withLocks = options.lockWaitMs !== undefined || options.caution?.isOn === true;
  await settlePart({ session, origin, report }, only, { ...options, withLocks });
  if (origin.bodies === null) await noteLockers(session, options.targets, report.blocked);
  traceBatch(report);
  return report;
}

async function settlePart(part: Part, only: readonly string[] | null, options: PartOptions): Promise<void> {
  const { session, origin, report } = part;
  let withSettled = false;
  let { withLocks } = options;
  const note = new RetryNote(session, origin);
  for (let attempt = 1; ; attempt++) {
    const opened: WriteHeader[] = [];
    try {
      await attemptBatch(session, origin, only, { ...options, withSettled, withLocks }, report, opened);
      break;
    } catch (error) {
      const fault = await faultOf(error, session, opened.length);
      // If others fail alike, the server lacks something, and trying each of them is useless.
      if (opened.length === 1 && fault instanceof DatabaseError && fault.isServerTrouble)
        if (report.troubles++ > report.outcomes.length) throw fault;
      const ids = opened.map((write) => write.writeId);
      const isOver = options.isOver?.(ids) === true;
      const remedy = remedyFor(fault, isOver ? Infinity : attempt, ids.length, withLocks);
      report.errors.push(reducedFault(fault).code ?? '');
      options.onRetry?.(describeRetry(report.batchId, origin, opened, fault, attempt, remedy));
      if (fault instanceof DatabaseError && fault.isLockWaitOver) {
        // A second search for locks would find no more.
        if (!withLocks) options.caution?.note();
        report.lockWaits += 1;
      }
      // If every write has to wait, as for a lock on a table, trying each of them is useless.
      if (report.lockWaits > lockWaitsMax) {
        report.deferred.push(...opened);
        break;
      }
      withSettled ||= fault instanceof DatabaseError && fault.isStaleFacts;
      withLocks ||= remedy === 'look_for_locks';
      if (remedy === 'halve') {
        await settleHalves(part, ids, { ...options, withLocks });
        break;
      }
      if (remedy === 'look_for_locks') continue;
      const passing = remedy === 'try_again' ? fault : await settleAlone(part, ids, remedy, fault, attempt);
      if (passing === null) break;
      // The next batch finds the write again.
      if (attempt >= triesMax) {
        report.deferred.push(...opened);
        break;
      }
      // Others have settled the write, or bound its key: the next try finds their answer.
      withSettled ||= remedy !== 'try_again';
      await restAfter(passing, attempt, note);
    }
  }
  await note.forget();
}

async function restAfter(fault: BatchFault, attempt: number, note: RetryNote): Promise<void> {
  const isTransient = fault instanceof DatabaseError && fault.isTransient;
  const pauseMs = isTransient ? randomInt(5, 20 * 2 ** attempt) : 0;
  // The first failure is not reported.
  if (attempt > 1) await note.write(attempt, pauseMs, reducedFault(fault).code);
  if (pauseMs > 0) await pause(pauseMs);
}

/**
 * Settles both halves. The second half must not overtake unsettled writes of the first: it waits for writes that the
 * first has blocked, and defers writes that the first has deferred.
 */
async function settleHalves(part: Part, ids: readonly string[], options: PartOptions): Promise<void> {
  const { deferred, blocked } = part.report;
  const middle = Math.ceil(ids.length / 2);
  const deferredBefore = deferred.length;
  const blockedBefore = blocked.length;
  await settlePart(part, ids.slice(0, middle), options);
  const newly = blocked.slice(blockedBefore).map(({ write }) => write);
  const withBlocked = options.withBlocked === true || newly.length > 0;
  // Blocked writes in the intake are found there.
  const ahead = part.origin.bodies === null ? [] : [...(options.ahead ?? []), ...newly];
  const again = deferred.splice(deferredBefore).map((write) => write.writeId);
  await settlePart(part, [...again, ...ids.slice(middle)], { ...options, withBlocked, ahead });
}
