/** The result of a batch, and the same as one line of a log. */
import type { WriteHeader } from '#protocol';
import type { Logger } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import type { BatchFault } from './fault.ts';
import type { BlockedWrite, SettledWrite } from './target.ts';

/** Transactions of the batch: several if it was tried again, or in parts. */
export interface BatchReport {
  batchId: string;
  /** By `performance.now()`. */
  startedAt: number;
  outcomes: SettledWrite[];
  /** Left for the next batch. */
  deferred: WriteHeader[];
  blocked: BlockedWrite[];
  /** Blocked writes whose lock shows only to a session that waits for it, e.g. of a key or a row of a projection. */
  waited: WriteHeader[];
  /** Writes outside of the intake that failed alone: their node answers with the error. */
  failed: { write: WriteHeader; error: BatchFault }[];
  transactions: number;
  /** How many waits for a lock were in vain. */
  lockWaits: number;
  /** How many writes failed alone because the server lacks something. */
  troubles: number;
  /** Codes of the errors that were met, in order. */
  errors: string[];
  /** Milliseconds spent on reading, planning and writing. */
  readMs: number;
  planMs: number;
  commitMs: number;
}

export function emptyReport(): BatchReport {
  return {
    batchId: uuidv7(),
    startedAt: performance.now(),
    outcomes: [],
    deferred: [],
    blocked: [],
    waited: [],
    failed: [],
    transactions: 0,
    lockWaits: 0,
    troubles: 0,
    errors: [],
    readMs: 0,
    planMs: 0,
    commitMs: 0,
  };
}

/** Counts and milliseconds, and nothing of any document. */
export function logBatch(logger: Logger | undefined, report: BatchReport): void {
  if (logger?.isLevelEnabled('debug') !== true) return;
  const { batchId, transactions, errors, readMs, planMs, commitMs } = report;
  const facts = {
    batchId,
    settled: report.outcomes.length,
    deferred: report.deferred.length,
    blocked: report.blocked.length,
    transactions,
    errors,
    readMs: Math.round(readMs * 10) / 10,
    planMs: Math.round(planMs * 10) / 10,
    commitMs: Math.round(commitMs * 10) / 10,
  };
  logger.debug(facts, 'batch');
}
