/**
 * Settles a batch, and sees to it that no write fails because of its neighbours: what fails is tried again as its error
 * asks, with facts read anew or after a moment, and else in halves until the write that causes it stands alone.
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
import { noteLockers } from './note-lockers.ts';
import type { Origin } from './origin.ts';
import { emptyReport, type BatchReport } from './report.ts';
import { describeRetry, RetryNote, type BatchRetry } from './retry.ts';
import { traceBatch } from './trace.ts';

export interface BatchOptions extends Omit<AttemptOptions, 'withSettled' | 'withLocks' | 'isAtOnce'> {
  /** Told of each transaction that failed and what is done about it, for a log. @default nobody */
  onRetry?: (retry: BatchRetry) => void;
  /** No caller waits for these writes, so a conflict is not tried again. @default never */
  isOver?: (writeIds: readonly string[]) => boolean;
}

/** Locks that one batch waits for in vain, at most; what is left then comes with the next. */
const lockWaitsMax = 16;

type PartOptions = BatchOptions & Pick<AttemptOptions, 'withLocks'>;

/** What a batch, in all its parts, is settled with. */
interface Part {
  session: Session;
  origin: Origin;
  report: BatchReport;
}

/**
 * Settles what its origin offers, in one transaction where nothing fails.
 * @param only Names the writes that it is about; null: all that the origin finds.
 * @param report Tells what was committed before an error was thrown.
 * @throws {DatabaseError} where the connection is lost: what was sent may have been committed or not; where the server
 *   refuses, or lacks, what it needs for any batch: the part that met it was not committed
 * @throws {DeposedError} where another writer leads the lanes by now
 * @throws {SluiceError} `deployment_disagrees` where the deployment has agreed on other projections
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

/** Makes a write a dead letter that has killed each writer which tried it, without another try. */
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
      const ids = opened.map((write) => write.writeId);
      const isOver = options.isOver?.(ids) === true;
      const remedy = remedyFor(fault, isOver ? Infinity : attempt, ids.length, withLocks);
      report.errors.push(reducedFault(fault).code ?? '');
      options.onRetry?.(describeRetry(report.batchId, origin, opened, fault, attempt, remedy));
      if (fault instanceof DatabaseError && fault.isLockWaitOver) {
        // A look for locks that was made already would find no more.
        if (!withLocks) options.caution?.note();
        report.lockWaits += 1;
      }
      // Where everybody has to wait, as for a lock on a table, it is of no use to ask each of them.
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

/** Ends the transaction: a session that lives on must not keep one open. Throws what no batch can deal with. */
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
  // Once is nothing to tell.
  if (attempt > 1) await note.write(attempt, pauseMs, reducedFault(fault).code);
  if (pauseMs > 0) await pause(pauseMs);
}

/**
 * Nothing of the second half may overtake what the first has not settled: it goes behind what that has blocked, and takes
 * along what that has deferred.
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
 * Settles a write that cannot be applied: refused by its target, always in others' way, or made a dead letter.
 * One that waits for a lock is blocked. A write that bypasses the intake becomes no dead letter: its node is told.
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
  // A dead letter is copied from the intake, which it then leaves.
  if (remedy === 'dead_letter')
    transaction.queue({ name: 'insertDeadLetter', values: [write.writeId, attempts, JSON.stringify(error)] });
  // A refusal is the target's answer, as one that it settles by itself, so the key stands for it.
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

/** Where even that has to wait for a lock, as somebody has locked the write's own row, its lane stands still. */
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
    if (!(error instanceof DatabaseError) || !error.isLockWaitOver) throw error;
    await transaction.rollback();
    origin.leaveOut([write.lane]);
  }
}
