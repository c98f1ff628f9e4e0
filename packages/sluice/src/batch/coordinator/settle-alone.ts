/** Settles a write that has failed alone, or must not be tried, without its target. */
import type { WriteHeader } from '#protocol';
import { DatabaseError, projectionsDiffer, type Row, type Session } from '#store';
import { notApplied, refusal } from './answer.ts';
import { commitAnswers, dropSettled, limitsOf } from './attempt.ts';
import { BatchTransaction } from './batch-transaction.ts';
import {
  isBatchFault,
  reducedFault,
  TargetError,
  type BatchFault,
  type Refusal,
  type Remedy,
} from './fault.ts';
import { fingerprintOf, keyOf } from './idempotency.ts';
import { ChangedCycleError } from './intake-origin.ts';
import type { Origin } from './origin.ts';
import { emptyReport, type BatchReport } from './report.ts';
import { traceBatch } from './trace.ts';

/** The things that a batch is settled with, the same for all its parts. */
export interface Part {
  session: Session;
  origin: Origin;
  report: BatchReport;
}

type RemedyAlone = Exclude<Remedy, 'try_again' | 'look_for_locks' | 'halve'>;

/**
 * Makes a dead letter of a write that has killed each writer that tried it, without another try. A write that was
 * settled before it came into the intake only leaves the intake.
 */
export async function makeDeadLetter(
  session: Session,
  origin: Origin,
  writeId: string,
  attempts: number,
): Promise<BatchReport> {
  const report = emptyReport();
  const fault = new DatabaseError({ sqlState: writerDied, message: 'each writer that tried it crashed' });
  // After a passing error the quarantine calls this again.
  await settleAlone({ session, origin, report }, [writeId], 'dead_letter', fault, attempts, true);
  traceBatch(report);
  return report;
}

/** Code for a crash of the writer, in the form of PostgreSQL's codes. */
const writerDied = 'SL003';

/** Ends the transaction, because a session that lives on must not keep one open. Throws errors that no batch can handle. */
export async function faultOf(error: unknown, session: Session, writes: number): Promise<BatchFault> {
  if (!(error instanceof DatabaseError) || !error.isConnectionLoss)
    await session.flight([{ name: 'rollback' }]);
  if (error instanceof DatabaseError && error.isDisagreement) throw projectionsDiffer();
  if (!isBatchFault(error, writes)) throw error;
  return error;
}

/**
 * Settles a write that cannot be applied: it is refused by its target, refused as a conflict, or made a dead letter.
 * A write that waits for a lock, or for what the server lacks, is blocked. A write outside of the intake becomes no
 * dead letter: its node reports the error.
 * @param withSettled Checks whether the write was settled elsewhere; otherwise that shows as a passing error.
 * @returns A passing error, after which the write can be tried again. Another session has settled the write, has bound
 *   its key, or holds a lock. Null: there was none.
 */
export async function settleAlone(
  part: Part,
  ids: readonly string[],
  remedy: RemedyAlone,
  fault: BatchFault,
  attempts: number,
  withSettled = false,
): Promise<DatabaseError | null> {
  try {
    await answerAlone(part, ids, remedy, fault, attempts, withSettled);
    return null;
  } catch (error) {
    const met = await faultOf(error, part.session, ids.length);
    if (met instanceof DatabaseError && (met.isStaleFacts || met.isTransient)) return met;
    throw met;
  }
}

async function answerAlone(
  { session, origin, report }: Part,
  ids: readonly string[],
  remedy: RemedyAlone,
  fault: BatchFault,
  attempts: number,
  withSettled: boolean,
): Promise<void> {
  const refused =
    fault instanceof TargetError ? await completeRefusal(fault.refusal, session, origin, ids) : null;
  const { writes, ...opening } = await origin.open(session, ids, limitsOf({ withLocks: remedy === 'block' }));
  const transaction = new BatchTransaction(session, origin, opening, report.batchId);
  const [write] = writes;
  if (write === undefined) return transaction.rollback();
  // The error of a failed write outside of the intake is not stored, so it meets no earlier outcome by itself.
  const isDeadLetter = remedy === 'dead_letter' && refused === null;
  const isReported = isDeadLetter && origin.bodies !== null;
  if ((withSettled || isReported) && (await dropSettled(transaction, origin, write, report))) return;
  if (remedy === 'block') return blockWrite(transaction, origin, write, report);
  if (isReported) {
    await transaction.rollback();
    return void report.failed.push({ write, error: fault });
  }
  const error = reducedFault(fault);
  const outcome =
    refused !== null
      ? refusal(write, refused.code, refused.detail)
      : remedy === 'answer_conflict'
        ? notApplied(write, 'write_conflict')
        : notApplied(write, 'dead_letter', { error });
  // A dead letter is copied from the intake, and then removed there.
  if (isDeadLetter)
    transaction.queue({ name: 'insertDeadLetter', values: [write.writeId, attempts, JSON.stringify(error)] });
  // The target has answered with a refusal, so the idempotency key keeps that answer.
  const isBound = refused !== null && keyOf(write) !== null;
  const keys = isBound ? [{ write, fingerprint: fingerprintOf(write) }] : [];
  await commitAnswers(transaction, origin, { outcomes: [{ write, outcome }], blocked: [], keys }, report);
}

/** A certain refusal is the same without what could not be found out. */
async function completeRefusal(
  refused: Refusal | null,
  session: Session,
  { bodies }: Origin,
  [writeId = '']: readonly string[],
): Promise<Refusal | null> {
  if (refused?.complete === undefined) return refused;
  const run = async (name: string, values: readonly unknown[]): Promise<Row[]> => {
    // The target has read the values with the order of dates of the database.
    const [, , result] = await session.flight([
      { name: 'begin' },
      { name: 'foreign_times' },
      { name, values },
      { name: 'commit' },
    ]);
    return result?.rows ?? [];
  };
  const body = bodies?.get(writeId)?.body ?? null;
  try {
    const detail = await refused.complete({ run, writeId, body });
    return detail === null ? null : { ...refused, detail };
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.isConnectionLoss) throw error;
    if (refused.needsProof !== true) return refused;
    if (error.isTransient || error.isServerTrouble) throw error;
    return null;
  }
}

/** Blocks a write. If another session has locked the intake row of the write, its whole lane waits. */
async function blockWrite(
  transaction: BatchTransaction,
  origin: Origin,
  write: WriteHeader,
  report: BatchReport,
): Promise<void> {
  const blocked = [{ write, awaits: [write.writeId] }];
  report.waited.push(write);
  if (origin.bodies !== null) return void report.blocked.push(...blocked);
  try {
    await commitAnswers(transaction, origin, { outcomes: [], blocked, keys: [] }, report);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    // Its own leader has woken it meanwhile.
    const isChanged = origin.isForeign && error.isStaleFacts;
    if (!isChanged && !error.isLockWaitOver) throw error;
    await transaction.rollback();
    if (isChanged) throw new ChangedCycleError();
    origin.leaveOut([write.lane]);
  }
}
