/**
 * The fast path of a node: few writes of its own, settled by itself under the locks of their lanes, without the intake.
 * A batch like any other, but in one try, all or none, and only where nothing has to be waited for.
 */
import type { Write } from '@sluice/protocol';
import { DatabaseError, type Session } from '@sluice/store';
import { commitPlan, emptyReport, type BatchReport } from './attempt.ts';
import { describeRetry } from './describe-retry.ts';
import { readFacts } from './facts.ts';
import { isBatchFault } from './fault.ts';
import { memoryOrigin } from './origin.ts';
import { planBatch, type Plan } from './plan.ts';
import type { SettleOptions } from './settle.ts';
import { traceBatch } from './trace-batch.ts';

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
export async function settleAtOnce(
  session: Session,
  writes: readonly Write[],
  options: SettleOptions,
): Promise<BatchReport | NotAtOnce> {
  const report = emptyReport();
  const lanes = [...new Set(writes.map((write) => write.lane))];
  try {
    const facts = await readFacts(session, writes, {
      withSettled: false,
      withBlocked: false,
      withAhead: true,
      // The locks are taken in a statement of their own: what is read after it sees every batch that was before.
      prefix: [{ name: 'begin' }, { name: 'lockFreeTerms', values: [lanes] }],
      lanesNeeded: lanes.length,
    });
    const read = performance.now();
    const plan = facts.freeLanes.size < lanes.length ? null : planBatch(writes, facts, options);
    const planned = performance.now();
    if (plan === null || !isFit(plan)) {
      await session.flight([{ name: 'rollback' }]);
      return plan === null ? 'busy' : 'unfit';
    }
    report.transactions = 1;
    await commitPlan(session, memoryOrigin(writes), plan, report, options);
    report.readMs = read - report.startedAt;
    report.planMs = planned - read;
    report.commitMs = performance.now() - planned;
  } catch (error) {
    if (error instanceof DatabaseError && error.isConnectionLoss) throw error;
    await session.flight([{ name: 'rollback' }]);
    if (error instanceof DatabaseError && error.isDisagreement) return 'disagreed';
    if (!isBatchFault(error, writes.length)) throw error;
    options.onRetry?.(describeRetry(report, memoryOrigin(writes), writes, error, 1, 'try_again'));
    return 'unfit';
  }
  traceBatch(report);
  return report;
}

/**
 * A missing reference may be on its way through another node's fast path, where nobody sees it: a leader looks a moment
 * later. What follows from a change of identity is work for a leader, too.
 */
function isFit({ outcomes, updates, held, blocked, dropped }: Plan): boolean {
  return (
    held.length + blocked.length + dropped.length === 0 &&
    outcomes.every(({ outcome }) => outcome.code !== 'unresolved_reference') &&
    updates.every(({ state }) => state.base?.referentialId === state.referentialId)
  );
}
