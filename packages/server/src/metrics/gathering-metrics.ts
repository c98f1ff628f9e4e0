/** How a process waits for more writes before an insert into the intake (a node) or a batch (a writer). */
import type { GatheringState } from 'sluice/internal/protocol';
import { Gauge, type Registry } from 'prom-client';

/** @param state Null: the process makes none of them now. */
export function gatheringGauges(registry: Registry, state: () => GatheringState | null): void {
  registry.registerMetric(
    new Gauge({
      name: 'sluice_gathering_interval_seconds',
      help: 'Time from the beginning of one insert (of a node) or batch (of a writer) to that of the next; 0: no wait for more writes',
      registers: [],
      collect() {
        this.set((state()?.intervalMs ?? 0) / 1000);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sluice_gathering_gain_ratio',
      help: 'Writes per second with that interval, as a part more or less than without it; below -0.05 there is none',
      registers: [],
      collect() {
        this.set(state()?.gain ?? 0);
      },
    }),
  );
}
