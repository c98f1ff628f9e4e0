/** The results of batches: on writers, and on nodes in `direct` and `local` mode. */
import type { BatchReport } from 'sluice/internal/batch';
import { isEndpoint } from 'sluice/internal/targets';
import { Counter, type Registry } from 'prom-client';
import { Histogram, writesBuckets } from './histogram.ts';

const results = ['created', 'updated', 'unchanged', 'deleted', 'refused', 'not_applied'] as const;

/**
 * The SQLSTATEs that batches usually meet: deadlock, serialization, lock, cancel; stale facts by a constraint or a
 * count; a check; full disk, memory, connections. A projection may raise any other, and labels should stay few.
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
    help: 'Writes settled, by result and target; target: empty for documents',
    labelNames: ['result', 'target'],
    registers: [registry],
  });
  const deadLetters = new Counter({
    name: 'sluice_dead_letters_total',
    help: 'Writes that this process made dead letters, by target; target: empty for documents',
    labelNames: ['target'],
    registers: [registry],
  });
  const blocked = new Counter({
    name: 'sluice_blocked_writes_total',
    help:
      'Number of times that a write became blocked by a reference or by an earlier write of its document or row, by target; ' +
      'target: empty for documents',
    labelNames: ['target'],
    registers: [registry],
  });
  for (const result of results) settled.inc({ result, target: '' }, 0);
  deadLetters.inc({ target: '' }, 0);
  blocked.inc({ target: '' }, 0);

  return (report) => {
    read.observe(report.readMs / 1000);
    plan.observe(report.planMs / 1000);
    commit.observe(report.commitMs / 1000);
    sizes.observe(report.outcomes.length);
    transactions.inc(report.transactions);
    for (const { write } of report.blocked) blocked.inc({ target: targetOf(write.resource) });
    const counts = new Map<string, { result: string; target: string; count: number }>();
    for (const { write, outcome } of report.outcomes) {
      const { result } = outcome;
      const target = targetOf(write.resource);
      const counted = counts.get(`${result} ${target}`);
      if (counted === undefined) counts.set(`${result} ${target}`, { result, target, count: 1 });
      else counted.count += 1;
      if (outcome.code === 'dead_letter') deadLetters.inc({ target });
      if (write.waitedSeconds !== null) wait.observe(write.waitedSeconds);
    }
    for (const { result, target, count } of counts.values()) settled.inc({ result, target }, count);
    for (const state of report.errors) retries.inc({ sqlstate: sqlStates.has(state) ? state : 'other' });
  };
}

/** Documents are one target, however many resources there are; other targets are those of the configuration. */
function targetOf(resource: string): string {
  return isEndpoint(resource) ? '' : resource;
}
