/**
 * The metrics of a process with many data stores: those of the process, and those of each open store, whose series
 * have its name as the label `store`. A sleeping store has no series, and counts from zero when it opens again.
 */
import { Gauge, Registry } from 'prom-client';
import { processMetrics, type Metrics, type ProcessLabels } from './create-metrics.ts';

export interface StoresMetricsOptions {
  /** Metrics of the stores that are open now. */
  opened: () => readonly Metrics[];
  /** Number of stores by state. */
  states: () => Record<string, number>;
}

export function createStoresMetrics(labels: ProcessLabels, options: StoresMetricsOptions): Metrics {
  const registry = new Registry();
  processMetrics(registry, labels);
  registry.registerMetric(
    new Gauge({
      name: 'sluice_stores',
      help: 'Data stores of this process, by state: asleep, opening, open, failed, held (is being moved)',
      labelNames: ['state'],
      registers: [],
      collect() {
        for (const [state, count] of Object.entries(options.states())) this.set({ state }, count);
      },
    }),
  );
  return {
    contentType: registry.contentType,
    async text() {
      return mergeTexts(await Promise.all([registry, ...options.opened()].map(textOf)));
    },
    close: () => Promise.resolve(),
  };
}

function textOf(source: Registry | Metrics): Promise<string> {
  return source instanceof Registry ? source.metrics() : source.text();
}

/** Merges several texts: the samples of a metric have to be together, after one HELP and one TYPE. */
export function mergeTexts(texts: readonly string[]): string {
  const metrics = new Map<string, string[]>();
  for (const block of texts.flatMap((text) => text.split(/^(?=# HELP )/m))) {
    const [help = '', type = '', ...samples] = block.trimEnd().split('\n');
    if (!help.startsWith('# HELP ')) continue;
    const known = metrics.get(help);
    if (known === undefined) metrics.set(help, [type, ...samples]);
    else known.push(...samples);
  }
  return [...metrics].map(([help, lines]) => `${[help, ...lines].join('\n')}\n`).join('\n');
}
