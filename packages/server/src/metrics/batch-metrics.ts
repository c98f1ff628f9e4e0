/** What batches come to: on writers, and on nodes in `direct` and `local` mode. */
import type { BatchReport } from 'sluice/internal/batch';
import { Counter, type Registry } from 'prom-client';
import { Histogram, writesBuckets } from './histogram.ts';

const results = ['created', 'updated', 'unchanged', 'deleted', 'refused', 'not_applied'] as const;

/**
 * The SQLSTATEs that batches meet: deadlock, serialization, lock, cancel; stale facts by a constraint or a count; a check;
 * full disk, memory, connections. A projection may raise any other, and labels are to stay few.
 */
const sqlStates = new Set(
  '40P01 40001 55P03 57014 23001 23503 23505 23514 SL001 53100 53200 53300'.split(' '),
);

export function batchMetrics(registry: Registry, stages: Histogram): (report: BatchReport) => void {
  const read = stages.series({ stage: 'read' });
  const plan = stages.series({ stage: 'plan' });
  const commit = stages.series({ stage: 'commit' });
  const wait = stages.series({ stage: 'wait' });
  const sizes = new Histogram({
    name: 'sluice_batch_size_writes',
    help: 'Writes settled by one batch',
    buckets: writesBuckets,
    registry,
  }).series();
  const transactions = new Counter({
    name: 'sluice_batch_transactions_total',
    help: 'Transactions of batches. A batch takes one, or more if it is retried or split',
    registers: [registry],
  });
  const retries = new Counter({
    name: 'sluice_batch_retries_total',
    help: 'Transactions of batches that failed and were retried, by SQLSTATE',
    labelNames: ['sqlstate'],
    registers: [registry],
  });
  const settled = new Counter({
    name: 'sluice_settled_writes_total',
    help: 'Writes settled, by result',
    labelNames: ['result'],
    registers: [registry],
  });
  const deadLetters = new Counter({
    name: 'sluice_dead_letters_total',
    help: 'Writes that this process made dead letters',
    registers: [registry],
  });
  const blocked = new Counter({
    name: 'sluice_blocked_writes_total',
    help: 'Number of times that a write became blocked by a reference or by an earlier write of its document',
    registers: [registry],
  });
  for (const result of results) settled.inc({ result }, 0);

  return (report) => {
    read.observe(report.readMs / 1000);
    plan.observe(report.planMs / 1000);
    commit.observe(report.commitMs / 1000);
    sizes.observe(report.outcomes.length);
    transactions.inc(report.transactions);
    blocked.inc(report.blocked.length);
    const counts: Partial<Record<string, number>> = {};
    for (const { write, outcome } of report.outcomes) {
      counts[outcome.result] = (counts[outcome.result] ?? 0) + 1;
      if (outcome.code === 'dead_letter') deadLetters.inc();
      if (write.waitedSeconds !== null) wait.observe(write.waitedSeconds);
    }
    for (const [result, count] of Object.entries(counts)) settled.inc({ result }, count);
    for (const state of report.errors) retries.inc({ sqlstate: sqlStates.has(state) ? state : 'other' });
  };
}
