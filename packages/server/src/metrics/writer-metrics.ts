/** Metrics of a writer: its batches, what woke it, and its leaderships. */
import type { WriterObserver, WriterStatus } from 'sluice/internal/writer';
import { Counter, Gauge, type Registry } from 'prom-client';
import { batchMetrics } from './batch-metrics.ts';
import { listenerGauge } from './client-metrics.ts';
import { gatheringGauges } from './gathering-metrics.ts';
import { stagesOf } from './stages.ts';

export function writerMetrics(registry: Registry): WriterObserver {
  const registers = [registry];
  const wakeups = new Counter({
    name: 'sluice_wakeups_total',
    help:
      'Number of times that an idle session started to work. found_by: hint (a notification), poll (a heartbeat, while no ' +
      'notifications arrive), missed_hint (a heartbeat, although notifications arrive, found work older than 0.1 s)',
    labelNames: ['found_by'],
    registers,
  });
  for (const found_by of ['hint', 'poll', 'missed_hint']) wakeups.inc({ found_by }, 0);
  const leaderships = new Counter({
    name: 'sluice_leaderships_total',
    help: 'Leaderships of lanes that this writer started',
    registers,
  });
  const ends = new Counter({
    name: 'sluice_sessions_ended_total',
    help: 'Sessions of this writer that ended by an error, by reason: deposed, connection_lost, failed',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of ['deposed', 'connection_lost', 'failed']) ends.inc({ reason }, 0);
  return {
    settled: batchMetrics(registry, stagesOf(registry)),
    woken: (by) => wakeups.inc({ found_by: by }),
    led: (lanes) => leaderships.inc(lanes),
    sessionEnded: (reason) => ends.inc({ reason }),
  };
}

export function writerGauges(registry: Registry, status: () => WriterStatus): void {
  registry.registerMetric(
    new Gauge({
      name: 'sluice_led_lanes',
      help: 'Lanes that this writer leads',
      registers: [],
      collect() {
        this.set(status().lanes.length);
      },
    }),
  );
  listenerGauge(registry, () => status().isListening);
  gatheringGauges(registry, () => status().gathering);
}
