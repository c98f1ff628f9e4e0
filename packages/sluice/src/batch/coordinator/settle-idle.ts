/**
 * The fast path of a node: few writes of its own, settled by itself under the locks of their lanes, without the intake.
 * A batch like any other, but in one try, all or none, and only where nothing has to be waited for.
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
 * Why nothing was done. `busy`: somebody works on one of the lanes, or it is paused; `unfit`: one of the writes has to
 * wait for another, or failed, or is better looked at by a leader; `disagreed`: the deployment has agreed on other
 * projections than this process has.
 */
export type NotAtOnce = 'busy' | 'unfit' | 'disagreed';

/**
 * Settles these writes, in order of arrival, or does nothing at all.
 * @throws {DatabaseError} where the server does no such work, or the connection is lost: unless the error is a refusal,
 *   what was sent may have been committed or not
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
