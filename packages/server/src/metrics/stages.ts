/** Durations of the stages of a write: one histogram, with stages of nodes and writers. */
import type { Registry } from 'prom-client';
import { Histogram, secondsBuckets } from './histogram.ts';

export function stagesOf(registry: Registry): Histogram {
  return new Histogram({
    name: 'sluice_stage_duration_seconds',
    help:
      'Time of a stage. For each write: intake (until it is in the intake). For one write in 16: wait (in ' +
      'the intake, blocked or not, until its batch), completion (from the outcome until the node has it). For each ' +
      'batch: read (facts), plan, commit. Nodes report intake and completion, processes that commit batches report ' +
      'the others',
    buckets: secondsBuckets,
    registry,
  });
}
