/**
 * A histogram for a hot path. Its user holds the row of counters of each series, so an observation takes 16 ns
 * instead of 350 ns in prom-client, which looks labels up each time; prom-client only writes the counters out.
 */
import type { Metric, Registry } from 'prom-client';

export interface HistogramOptions {
  name: string;
  help: string;
  /** Upper bounds, ascending. */
  buckets: readonly number[];
  registry: Registry;
}

interface Sample {
  metricName: string;
  labels: Record<string, string | number>;
  value: number;
}

export class Series {
  readonly #buckets: readonly number[];
  /** Counts of each bucket, and of values beyond the last. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
    this.#counts = new Float64Array(buckets.length + 1);
  }

  observe(value: number): void {
    const buckets = this.#buckets;
    let index = 0;
    while (index < buckets.length && value > buckets[index]!) index += 1;
    this.#counts[index]! += 1;
    this.#sum += value;
  }

  /** In the format of Prometheus: each bucket includes all smaller ones. */
  *samples(name: string, labels: Sample['labels']): Generator<Sample> {
    let count = 0;
    for (const [index, bucket] of [...this.#buckets, '+Inf'].entries()) {
      count += this.#counts[index]!;
      yield { metricName: `${name}_bucket`, labels: { ...labels, le: bucket }, value: count };
    }
    yield { metricName: `${name}_sum`, labels, value: this.#sum };
    yield { metricName: `${name}_count`, labels, value: count };
  }
}

export class Histogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #buckets: readonly number[];
  readonly #series: { labels: Sample['labels']; series: Series }[] = [];

  constructor({ name, help, buckets, registry }: HistogramOptions) {
    this.name = name;
    this.help = help;
    this.#buckets = buckets;
    // The registry needs a name and `get`; its types know only prom-client's own metrics.
    registry.registerMetric(this as unknown as Metric);
  }

  /** The series of these labels, made once and kept by its user. */
  series(labels: Sample['labels'] = {}): Series {
    const series = new Series(this.#buckets);
    this.#series.push({ labels, series });
    return series;
  }

  get(): unknown {
    const { name, help, type, aggregator } = this;
    const values = this.#series.flatMap(({ labels, series }) => [...series.samples(name, labels)]);
    return { name, help, type, aggregator, values };
  }
}

/** Seconds, from a turn of the event loop to the wait of a client. */
export const secondsBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
/** Writes of one statement or batch. */
export const writesBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];
