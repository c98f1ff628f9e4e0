/** Settles blocked writes in a batch of their own: those that wait for a lock, or only for each other. */
import {
  ChangedCycleError,
  emptyReport,
  LockedLanesError,
  PausedError,
  settleBatch,
  type BatchReport,
  type Origin,
  type SettleOptions,
} from '#batch';
import type { Session } from '#store';

export interface SettleBlockedOptions {
  settle: SettleOptions;
  /** Lanes in which nothing is settled now. */
  paused: Set<number>;
  /** Receives what a batch has committed before an error ended it. */
  onCut: (report: BatchReport) => void;
}

export interface BlockedBatch {
  /** What is committed: of a batch that was tried in parts, perhaps only a part. */
  report: BatchReport;
  /** False: one of the lanes is paused or locked, or a write of a cycle was woken. The others are tried again. */
  isWhole: boolean;
}

export async function settleBlocked(
  session: Session,
  origin: Origin,
  { settle, paused, onCut }: SettleBlockedOptions,
  lockWaitMs?: number,
): Promise<BlockedBatch> {
  const wait = lockWaitMs === undefined ? {} : { lockWaitMs };
  const report = emptyReport();
  try {
    await settleBatch(session, origin, { ...settle, ...wait, withBlocked: true }, null, report);
    return { report, isWhole: true };
  } catch (error) {
    if (error instanceof PausedError) for (const lane of error.lanes) paused.add(lane);
    else if (!(error instanceof LockedLanesError || error instanceof ChangedCycleError)) {
      onCut(report);
      throw error;
    }
    return { report, isWhole: false };
  }
}
