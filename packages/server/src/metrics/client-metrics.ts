/** Metrics of a node's client: answers, the intake, completion, and its pools at the time of a scrape. */
import type { ClientObserver, ClientUsage, FoundBy } from 'sluice/internal/client';
import type { Result } from 'sluice/internal/protocol';
import { Counter, Gauge, type Registry } from 'prom-client';
import { batchMetrics } from './batch-metrics.ts';
import { gatheringGauges } from './gathering-metrics.ts';
import { Histogram, secondsBuckets, writesBuckets, type Series } from './histogram.ts';
import { stagesOf } from './stages.ts';

const answers = [
  'created',
  'updated',
  'unchanged',
  'deleted',
  'refused',
  'not_applied',
  'accepted',
] as const satisfies (Result | 'accepted')[];

export function clientMetrics(registry: Registry): ClientObserver {
  const stages = stagesOf(registry);
  const durations = new Histogram({
    name: 'sluice_write_duration_seconds',
    help: 'Time from submitting a write to its answer, by result. accepted: answered before its outcome (respond-async)',
    buckets: secondsBuckets,
    registry,
  });
  const byResult = Object.fromEntries(
    answers.map((result) => [result, durations.series({ result })]),
  ) as Record<(typeof answers)[number], Series>;
  const failures = new Counter({
    name: 'sluice_write_failures_total',
    help: 'Writes answered with an error instead of an outcome, by error code',
    labelNames: ['code'],
    registers: [registry],
  });
  const intake = stages.series({ stage: 'intake' });
  const completion = stages.series({ stage: 'completion' });
  const inserts = new Histogram({
    name: 'sluice_intake_insert_size_writes',
    help: 'Writes that one statement inserted into the intake',
    buckets: writesBuckets,
    registry,
  }).series();
  // Counted by hand, because it happens for each write, and exported on a scrape.
  const found: Record<FoundBy, number> = { hint: 0, poll: 0, missed_hint: 0 };
  registry.registerMetric(
    new Counter({
      name: 'sluice_completions_total',
      help:
        'Outcomes that this node received. found_by: hint (a notification), poll (a poll, while no notifications ' +
        'arrive), missed_hint (a poll, although notifications arrive)',
      labelNames: ['found_by'],
      registers: [],
      collect() {
        this.reset();
        for (const [found_by, count] of Object.entries(found)) this.inc({ found_by }, count);
      },
    }),
  );
  return {
    answered: (result, seconds) => byResult[result].observe(seconds),
    failed: (code) => failures.inc({ code }),
    inserted: (writes) => inserts.observe(writes),
    taken: (seconds) => intake.observe(seconds),
    completed(seconds, foundBy) {
      if (seconds !== null) completion.observe(seconds);
      found[foundBy] += 1;
    },
    // In `direct` and `local` mode, and by the bypass.
    settled: batchMetrics(registry, stages),
  };
}

/** Gauges of the client, read at a scrape. */
export function clientGauges(registry: Registry, usage: () => ClientUsage): void {
  registry.registerMetric(
    new Gauge({
      name: 'sluice_waiting_writes',
      help: 'Writes for whose outcome this node waits',
      registers: [],
      collect() {
        this.set(usage().waiting);
      },
    }),
  );
  listenerGauge(registry, () => usage().isListening);
  gatheringGauges(registry, () => usage().gathering);
  registry.registerMetric(
    new Gauge({
      name: 'sluice_pool_connections',
      help: 'Connections of a pool of this node, by pool and state: busy, idle',
      labelNames: ['pool', 'state'],
      registers: [],
      collect() {
        for (const [pool, { busy, idle }] of Object.entries(usage().pools)) {
          this.set({ pool, state: 'busy' }, busy);
          this.set({ pool, state: 'idle' }, idle);
        }
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sluice_pool_max_connections',
      help: 'Largest number of connections of a pool of this node',
      labelNames: ['pool'],
      registers: [],
      collect() {
        for (const [pool, { max }] of Object.entries(usage().pools)) this.set({ pool }, max);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sluice_pool_waiting_requests',
      help: 'Requests of this node that wait for a connection of a pool',
      labelNames: ['pool'],
      registers: [],
      collect() {
        for (const [pool, { waiting }] of Object.entries(usage().pools)) this.set({ pool }, waiting);
      },
    }),
  );
}

export function listenerGauge(registry: Registry, isListening: () => boolean): void {
  registry.registerMetric(
    new Gauge({
      name: 'sluice_listener_up',
      help: '1: this process receives notifications; 0: it polls',
      registers: [],
      collect() {
        this.set(isListening() ? 1 : 0);
      },
    }),
  );
}
