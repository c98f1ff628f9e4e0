/** How long each stage of a write takes: one histogram, whose stages are told by nodes and by writers. */
import type { Registry } from 'prom-client';
import { Histogram, secondsBuckets } from './histogram.ts';

export function stagesOf(registry: Registry): Histogram {
  return new Histogram({
    name: 'sluice_stage_duration_seconds',
    help:
      'Time that a stage took. Of each write: intake (handed in until it is in the intake). Of one write in 16: wait (in ' +
      'the intake, blocked or not, until the batch that settled it), completion (settled until its node knows). Of each ' +
      'batch: read (opening it, and its facts), plan, commit. Nodes tell intake and completion, processes that settle batches tell ' +
      'the others',
    buckets: secondsBuckets,
    registry,
  });
}
