/** How a process waits for more writes before an insert into the intake (a node) or a batch (a writer). */
import type { GatheringState } from 'sluice/internal/protocol';
import { Gauge, type Registry } from 'prom-client';

/** @param state Null: the process makes none now. */
export function gatheringGauges(registry: Registry, state: () => GatheringState | null): void {
  registry.registerMetric(
    new Gauge({
      name: 'sluice_gathering_interval_seconds',
      help: 'Interval from one insert (of a node) or batch (of a writer) to the next; 0: no wait for more writes',
      registers: [],
      collect() {
        this.set((state()?.intervalMs ?? 0) / 1000);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sluice_gathering_gain_ratio',
      help: 'Change of writes per second by that interval, as a ratio; below -0.05 the process does not wait',
      registers: [],
      collect() {
        this.set(state()?.gain ?? 0);
      },
    }),
  );
}
