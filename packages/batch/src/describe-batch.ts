import type { BatchReport } from './attempt.ts';

/** A batch as one line of a log: counts and milliseconds, nothing of any document. */
export function describeBatch(report: BatchReport): Record<string, unknown> {
  const { batchId, transactions, errors, readMs, planMs, commitMs } = report;
  return {
    batchId,
    settled: report.outcomes.length,
    held: report.held.length,
    blocked: report.blocked.length,
    transactions,
    errors,
    readMs: Math.round(readMs * 10) / 10,
    planMs: Math.round(planMs * 10) / 10,
    commitMs: Math.round(commitMs * 10) / 10,
  };
}
