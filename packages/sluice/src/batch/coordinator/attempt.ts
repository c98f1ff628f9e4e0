/** One try of a batch in one transaction: open, check the writes, run each target, record, commit, send hints. */
import { hasFailpoint, passFailpoint, SluiceError, type WriteHeader } from '#protocol';
import { DatabaseError, type Session, type Statement } from '#store';
import { BatchTransaction } from './batch-transaction.ts';
import type { Caution } from './caution.ts';
import { TargetError } from './fault.ts';
import { isFaultAtEnd } from './lend-session.ts';
import { BusyLanesError, type Origin } from './origin.ts';
import {
  awaitedHints,
  dropStatements,
  hintStatements,
  leaveStatements,
  keyStatements,
  outcomeValues,
} from './record.ts';
import type { BatchReport } from './report.ts';
import {
  divide,
  emptySettlement,
  waitsForLock,
  type Settlement,
  type Target,
  type TargetBatch,
} from './target.ts';

export interface AttemptOptions {
  /** In the order in which the targets settle their parts of a batch. */
  targets: readonly Target[];
  /** Reads the blocked writes that come before those of the batch. @default false */
  withBlocked?: boolean;
  /** Blocked writes of the memory of a node, from an earlier part of the same batch. @default none */
  ahead?: readonly WriteHeader[];
  /** Checks whether writes of the batch were settled elsewhere. */
  withSettled: boolean;
  /** Finds the locked rows that the batch needs before it waits for any. Waits for other locks are short. */
  withLocks: boolean;
  /** Longest wait for any other lock, in milliseconds, with `withLocks`. @default 25 */
  lockWaitMs?: number;
  /** Records for later batches that a wait for a lock was in vain. @default not recorded */
  caution?: Caution;
  /** All writes are settled in this try; otherwise {@link UnfitError} is thrown. @default false */
  isAtOnce?: boolean;
}

/** One transaction cannot settle all of these writes. */
export class UnfitError extends Error {}

/** Longest wait for a lock that the batch cannot find beforehand, once one wait was in vain. */
const cautiousWaitMs = 25;

/** Statements that set the limits of a transaction. */
export function limitsOf({
  withLocks,
  lockWaitMs = cautiousWaitMs,
}: Pick<AttemptOptions, 'withLocks' | 'lockWaitMs'>): Statement[] {
  return withLocks ? [{ name: 'limitLockWait', values: [`${lockWaitMs}ms`] }] : [];
}

/** Stores the writes that it found in `opened`, so that the caller knows them even if this throws. */
export async function attemptBatch(
  session: Session,
  origin: Origin,
  only: readonly string[] | null,
  options: AttemptOptions,
  report: BatchReport,
  opened: WriteHeader[],
): Promise<void> {
  const started = performance.now();
  const { writes, ...opening } = await origin.open(session, only, limitsOf(options));
  opened.push(...writes);
  const transaction = new BatchTransaction(session, origin, opening, report.batchId);
  if (writes.length === 0) return transaction.rollback();
  report.transactions += 1;
  const dropped = await lookAside(transaction, origin, opened, options);
  const open = dropped.length === 0 ? opened : opened.filter((write) => !dropped.includes(write));
  const openMs = performance.now() - started;
  const settlements = await settleShares(transaction, open, options);
  // A caution checks for locks before it waits. Without it, the next batch would wait for the same locks again.
  if (options.withLocks && settlements.some(({ blocked }) => blocked.some(waitsForLock)))
    options.caution?.note();
  await commitBatch(transaction, origin, settlements, dropped, report);
  const sum = (part: 'readMs' | 'planMs'): number =>
    settlements.reduce((total, settlement) => total + (settlement[part] ?? 0), 0);
  const [readMs, planMs] = [openMs + sum('readMs'), sum('planMs')];
  report.readMs += readMs;
  report.planMs += planMs;
  report.commitMs += performance.now() - started - readMs - planMs;
}

/**
 * Finds and drops the writes that were settled elsewhere. If another transaction has locked the intake row of a
 * write, the write can be neither settled nor blocked, so its lane is left out.
 */
async function lookAside(
  transaction: BatchTransaction,
  origin: Origin,
  opened: WriteHeader[],
  { withSettled, withLocks }: Pick<AttemptOptions, 'withSettled' | 'withLocks'>,
): Promise<WriteHeader[]> {
  const looks = [
    ...(withLocks && origin.bodies === null ? ['lockTaken'] : []),
    ...(withSettled ? ['readSettled'] : []),
  ];
  if (looks.length === 0) return [];
  const values = [opened.map(({ writeId }) => writeId)];
  const answers = await transaction.flight(looks.map((name) => ({ name, values })));
  const found = (look: string): Set<unknown> =>
    new Set(answers[looks.indexOf(look)]?.rows.map((row) => row['write_id']));
  const locked = found('lockTaken');
  const lanes = new Set(opened.flatMap(({ writeId, lane }) => (locked.has(writeId) ? [lane] : [])));
  if (lanes.size > 0) {
    origin.leaveOut(lanes);
    opened.splice(0, opened.length, ...opened.filter(({ lane }) => !lanes.has(lane)));
  }
  const settled = found('readSettled');
  const dropped = opened.filter(({ writeId }) => settled.has(writeId));
  // Before the reads of the targets, because the dropped write no longer waits in the intake.
  if (origin.bodies === null) transaction.queue(...dropStatements(dropped));
  return dropped;
}

/** Removes the write from the intake, in this transaction, if it was settled elsewhere. Returns whether it was. */
export async function dropSettled(
  transaction: BatchTransaction,
  origin: Origin,
  write: WriteHeader,
  report: BatchReport,
): Promise<boolean> {
  const dropped = await lookAside(transaction, origin, [write], { withSettled: true, withLocks: false });
  if (dropped.length > 0) await commitBatch(transaction, origin, [], dropped, report);
  return dropped.length > 0;
}

/** Has each target settle its part of the batch. */
async function settleShares(
  transaction: BatchTransaction,
  writes: readonly WriteHeader[],
  { targets, withBlocked = false, ahead = [], withLocks, isAtOnce = false }: AttemptOptions,
): Promise<Settlement[]> {
  const { shares, deferred, strangers } = divide(writes, targets);
  // A lone write on a session of a node queues for its row; no other write waits with it.
  const isAlone = writes.length === 1;
  const mayWait = transaction.bodies !== null && isAlone && !withLocks && !isAtOnce;
  // Only another writer can settle a write of an unknown target. The write is blocked on itself, and its leader retries
  // it.
  const blocked = strangers.map((write) => ({ write, awaits: [write.writeId] }));
  const settlements: Settlement[] = [{ ...emptySettlement(), deferred, blocked }];
  for (const { target, writes } of shares) {
    const facts = { hasBlocked: withBlocked, ahead, looksForLocks: withLocks, isAlone, mayWait, isAtOnce };
    const settlement = await settleShare(target, { transaction, writes, ...facts });
    record(transaction, settlement);
    settlements.push(settlement);
  }
  if (isAtOnce && settlements.some((each) => each.deferred.length + each.blocked.length > 0))
    throw new UnfitError();
  return settlements;
}

/** An error that nothing expects, such as a TypeError, is a fault of the target, so that the batch finds its write. */
async function settleShare(target: Target, batch: TargetBatch): Promise<Settlement> {
  try {
    return await target.settle(batch);
  } catch (error) {
    const isExpected =
      error instanceof DatabaseError ||
      error instanceof TargetError ||
      error instanceof SluiceError ||
      error instanceof BusyLanesError;
    throw isExpected ? error : new TargetError(target.name, error);
  }
}

function record(transaction: BatchTransaction, { outcomes, isRecorded = false }: Settlement): void {
  if (isRecorded || outcomes.length === 0) return;
  transaction.queue({ name: 'insertOutcomes', values: outcomeValues(outcomes, transaction) });
  if (transaction.bodies === null)
    transaction.queue({ name: 'removeIntake', values: [outcomes.map(({ outcome }) => outcome.writeId)] });
}

/** Commits answers of the coordinator itself, to writes that have no effect. */
export async function commitAnswers(
  transaction: BatchTransaction,
  origin: Origin,
  settlement: Pick<Settlement, 'outcomes' | 'blocked' | 'keys'>,
  report: BatchReport,
): Promise<void> {
  const whole = { ...emptySettlement(), ...settlement };
  report.transactions += 1;
  record(transaction, whole);
  await commitBatch(transaction, origin, [whole], [], report);
}

async function commitBatch(
  transaction: BatchTransaction,
  { bodies, areBlocked, isForeign }: Origin,
  settlements: readonly Settlement[],
  dropped: readonly WriteHeader[],
  report: BatchReport,
): Promise<void> {
  const outcomes = settlements.flatMap((settlement) => settlement.outcomes);
  const blocked = settlements.flatMap((settlement) => settlement.blocked);
  // Writes that are blocked already, and still wait for a lock, stay unchanged.
  const newlyBlocked = areBlocked ? blocked.filter((each) => !waitsForLock(each)) : blocked;
  transaction.queue(...keyStatements(settlements.flatMap(({ keys }) => keys)));
  if (bodies === null) transaction.queue(...leaveStatements(outcomes, newlyBlocked, isForeign));
  const changes = outcomes.length + (bodies === null ? newlyBlocked.length + dropped.length : 0);
  if (changes === 0) await transaction.rollback();
  else {
    // The hint is a transaction of its own after the COMMIT, so no flush happens under the notification lock.
    const provided = settlements.flatMap((settlement) => settlement.provided);
    await end(transaction, settlements, bodies === null ? hintStatements(outcomes) : awaitedHints(provided));
  }
  report.outcomes.push(...outcomes);
  report.deferred.push(...settlements.flatMap(({ deferred }) => deferred));
  report.blocked.push(...blocked);
}

async function end(
  transaction: BatchTransaction,
  settlements: readonly Settlement[],
  hints: readonly Statement[],
): Promise<void> {
  if (hasFailpoint('before_commit')) {
    await transaction.flight([]);
    await passFailpoint('before_commit', [...transaction.terms.keys()]);
  }
  const faults = settlements.flatMap(({ faultAtEnd }) => faultAtEnd ?? []);
  const checks = faults.length === 0 ? [] : [{ name: 'check_constraints' }];
  try {
    await transaction.flight([...checks, { name: 'commit' }, ...hints]);
  } catch (error) {
    const [faultOf] = faults;
    if (faultOf === undefined || !isFaultAtEnd(error)) throw error;
    // Nothing says whose fault it is. The batch is tried in halves, and a write that is alone has one target.
    throw faults.length > 1 ? new TargetError('one of several targets', error) : faultOf(error);
  }
}
