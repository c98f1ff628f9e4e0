/** Gauges of the whole database. Every process reports the same values, so a query over processes takes the maximum. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { databaseGauges } from './database-gauges.ts';
import type { DatabaseReading } from './database-reader.ts';

const everywhere = 'Every process reports the same value: use max';

export function databaseMetrics(registry: Registry, read: () => Promise<DatabaseReading | null>): void {
  registry.registerMetric(
    new Gauge({
      name: 'sluice_database_up',
      help: '1: the database answered the query of these gauges. 0: it did not, and they are omitted',
      registers: [],
      async collect() {
        this.set((await read()) === null ? 0 : 1);
      },
    }),
  );
  for (const { name, help, labelNames = [], set } of databaseGauges) {
    registry.registerMetric(
      new Gauge({
        name,
        help: `${help}. ${everywhere}`,
        labelNames,
        registers: [],
        async collect() {
          const reading = await read();
          // The last values may no longer be true: no sample is better than an old one.
          this.reset();
          if (reading !== null) set(this, reading);
          else if (labelNames.length === 0) this.remove();
        },
      }),
    );
  }
  registry.registerMetric(
    new Counter({
      name: 'sluice_lane_terms_total',
      help: `Leaderships that a lane has had. ${everywhere}`,
      labelNames: ['lane'],
      registers: [],
      async collect() {
        const reading = await read();
        this.reset();
        for (const [lane, term] of Object.entries(reading?.terms ?? {})) this.inc({ lane }, term);
      },
    }),
  );
}
