/**
 * Settles a batch, and ensures that no write fails because of others. A failed batch is tried again as its error
 * requires: with new facts, after a pause, or in halves until the faulty write is alone.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { WriteHeader } from '#protocol';
import { DatabaseError, projectionsDiffer, type Row, type Session } from '#store';
import { notApplied, refusal } from './answer.ts';
import { attemptBatch, commitAnswers, limitsOf, type AttemptOptions } from './attempt.ts';
import { BatchTransaction } from './batch-transaction.ts';
import { fingerprintOf, keyOf } from './idempotency.ts';
import {
  isBatchFault,
  reducedFault,
  remedyFor,
  TargetError,
  type BatchFault,
  type Refusal,
  type Remedy,
} from './fault.ts';
import { ChangedCycleError } from './intake-origin.ts';
import { noteLockers } from './note-lockers.ts';
import type { Origin } from './origin.ts';
import { emptyReport, type BatchReport } from './report.ts';
import { describeRetry, RetryNote, type BatchRetry } from './retry.ts';
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

/** The things that a batch is settled with, the same for all its parts. */
interface Part {
  session: Session;
  origin: Origin;
  report: BatchReport;
}

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

/** Makes a dead letter of a write that has killed each writer that tried it, without another try. */
export async function makeDeadLetter(
  session: Session,
  origin: Origin,
  writeId: string,
  attempts: number,
): Promise<BatchReport> {
  const report = emptyReport();
  const fault = new DatabaseError({ sqlState: writerDied, message: 'each writer that tried it crashed' });
  await settleAlone({ session, origin, report }, [writeId], 'dead_letter', fault, attempts);
  traceBatch(report);
  return report;
}

/** Code for a crash of the writer, in the form of PostgreSQL's codes. */
const writerDied = 'SL003';

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
      if (remedy === 'try_again') await restAfter(fault, attempt, note);
      else if (remedy !== 'look_for_locks') {
        if (remedy === 'halve') await settleHalves(part, ids, { ...options, withLocks });
        else await settleAlone(part, ids, remedy, fault, attempt);
        break;
      }
    }
  }
  await note.forget();
}

/** Ends the transaction, because a session that lives on must not keep one open. Throws errors that no batch can handle. */
async function faultOf(error: unknown, session: Session, writes: number): Promise<BatchFault> {
  if (!(error instanceof DatabaseError) || !error.isConnectionLoss)
    await session.flight([{ name: 'rollback' }]);
  if (error instanceof DatabaseError && error.isDisagreement) throw projectionsDiffer();
  if (!isBatchFault(error, writes)) throw error;
  return error;
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
  const withBlocked = options.withBlocked === true || blocked.length > blockedBefore;
  const again = deferred.splice(deferredBefore).map((write) => write.writeId);
  await settlePart(part, [...again, ...ids.slice(middle)], { ...options, withBlocked });
}

/**
 * Settles a write that cannot be applied: it is refused by its target, refused as a conflict, or made a dead letter.
 * A write that waits for a lock, or for what the server lacks, is blocked. A write outside of the intake becomes no dead letter: its node reports
 * the error.
 */
async function settleAlone(
  { session, origin, report }: Part,
  ids: readonly string[],
  remedy: Exclude<Remedy, 'try_again' | 'look_for_locks' | 'halve'>,
  fault: BatchFault,
  attempts: number,
): Promise<void> {
  const refused =
    fault instanceof TargetError ? await completeRefusal(fault.refusal, session, origin, ids) : null;
  const { writes, ...opening } = await origin.open(session, ids, limitsOf({ withLocks: remedy === 'block' }));
  const transaction = new BatchTransaction(session, origin, opening, report.batchId);
  const [write] = writes;
  if (write === undefined) return transaction.rollback();
  if (remedy === 'block') return blockWrite(transaction, origin, write, report);
  if (remedy === 'dead_letter' && origin.bodies !== null)
    return void report.failed.push({ write, error: fault });
  const error = reducedFault(fault);
  const outcome =
    refused !== null
      ? refusal(write, refused.code, refused.detail)
      : remedy === 'answer_conflict'
        ? notApplied(write, 'write_conflict')
        : notApplied(write, 'dead_letter', { error });
  // A dead letter is copied from the intake, and then removed there.
  if (remedy === 'dead_letter')
    transaction.queue({ name: 'insertDeadLetter', values: [write.writeId, attempts, JSON.stringify(error)] });
  // The target has answered with a refusal, so the idempotency key keeps that answer.
  const isBound = refused !== null && keyOf(write) !== null;
  const keys = isBound ? [{ write, fingerprint: fingerprintOf(write) }] : [];
  await commitAnswers(transaction, origin, { outcomes: [{ write, outcome }], blocked: [], keys }, report);
}

/** Its refusal is the same without what could not be found out. */
async function completeRefusal(
  refused: Refusal | null,
  session: Session,
  { bodies }: Origin,
  [writeId = '']: readonly string[],
): Promise<Refusal | null> {
  if (refused?.complete === undefined) return refused;
  const run = (name: string, values: readonly unknown[]): Promise<Row[]> => session.run(name, values);
  const body = bodies?.get(writeId)?.body ?? null;
  try {
    return { ...refused, detail: await refused.complete({ run, writeId, body }) };
  } catch (error) {
    if (error instanceof DatabaseError && !error.isConnectionLoss) return refused;
    throw error;
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
