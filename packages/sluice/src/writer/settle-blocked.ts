/** Settles blocked writes in a batch of their own: those that wait for a lock, or only for each other. */
import {
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
}

/** Null: one of the lanes is paused or locked. Everything is read again once it goes on. */
export async function settleBlocked(
  session: Session,
  origin: Origin,
  { settle, paused }: SettleBlockedOptions,
  lockWaitMs?: number,
): Promise<BatchReport | null> {
  const wait = lockWaitMs === undefined ? {} : { lockWaitMs };
  try {
    return await settleBatch(session, origin, { ...settle, ...wait, withBlocked: true });
  } catch (error) {
    if (error instanceof LockedLanesError) return null;
    if (!(error instanceof PausedError)) throw error;
    for (const lane of error.lanes) paused.add(lane);
    return null;
  }
}
