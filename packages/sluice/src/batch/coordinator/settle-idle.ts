/**
 * The fast path of a node: a few writes of its own, which it settles under the locks of their lanes, without the
 * intake. This is a batch in a single try, with all writes or none, and only if nothing has to be waited for.
 */
import type { Write } from '#protocol';
import { DatabaseError, type Session } from '#store';
import { attemptBatch, UnfitError } from './attempt.ts';
import { isBatchFault } from './fault.ts';
import { BusyLanesError, idleOrigin } from './origin.ts';
import { emptyReport, type BatchReport } from './report.ts';
import { describeRetry } from './retry.ts';
import type { BatchOptions } from './settle.ts';
import { traceBatch } from './trace.ts';

/**
 * Why nothing was done. `busy`: another session works on one of the lanes, or the lane is paused. `unfit`: a write
 * has to wait for another, has failed, or needs a leader. `disagreed`: the deployment has agreed on other projections
 * than those of this process.
 */
export type NotAtOnce = 'busy' | 'unfit' | 'disagreed';

/**
 * Settles these writes, in order of arrival, or does nothing at all.
 * @throws {DatabaseError} if the server cannot do such work, or the connection is lost. Unless the error is a
 *   refusal, the writes may be committed or not.
 */
export async function settleIdle(
  session: Session,
  writes: readonly Write[],
  { targets, onRetry }: BatchOptions,
): Promise<BatchReport | NotAtOnce> {
  const report = emptyReport();
  const origin = idleOrigin(writes);
  const options = { targets, withSettled: false, withLocks: false, isAtOnce: true };
  try {
    await attemptBatch(session, origin, null, options, report, []);
  } catch (error) {
    if (error instanceof DatabaseError && error.isConnectionLoss) throw error;
    await session.flight([{ name: 'rollback' }]);
    if (error instanceof BusyLanesError) return 'busy';
    if (error instanceof UnfitError) return 'unfit';
    if (error instanceof DatabaseError && error.isDisagreement) return 'disagreed';
    if (!isBatchFault(error, writes.length)) throw error;
    onRetry?.(describeRetry(report.batchId, origin, writes, error, 1, 'try_again'));
    return 'unfit';
  }
  traceBatch(report);
  return report;
}
