/** The metrics of one process, and their text for a scrape. docs/reference/metrics.md lists them. */
import type { ClientObserver, ClientUsage } from 'sluice/internal/client';
import type { Mode } from 'sluice/internal/protocol';
import type { WriterObserver, WriterStatus } from 'sluice/internal/writer';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { clientGauges, clientMetrics } from './client-metrics.ts';
import { databaseMetrics } from './database-metrics.ts';
import { DatabaseReader } from './database-reader.ts';
import { httpMetrics, type RequestObserver } from './http-metrics.ts';
import { writerGauges, writerMetrics } from './writer-metrics.ts';

export interface Metrics {
  readonly contentType: string;
  /** Waits at most three seconds for the database. */
  text(): Promise<string>;
  close(): Promise<void>;
}

export interface NodeMetrics extends Metrics {
  /** For the client. */
  readonly observer: ClientObserver;
  /** For the API. */
  readonly onRequest: RequestObserver;
  /** Exports the use of the client's pools. */
  watch(usage: () => ClientUsage): void;
}

export interface WriterMetrics extends Metrics {
  readonly observer: WriterObserver;
  watch(status: () => WriterStatus): void;
}

export interface MetricsOptions {
  /** `postgres://…`, for the gauges of the whole database. */
  url: string;
  /** @default 'sluice' */
  schema?: string | undefined;
  version: string;
  /**
   * One of the data stores of the process: every series has its name as the label `store`, and {@link
   * createStoresMetrics} has those of the whole process. @default the process has no stores
   */
  store?: string | undefined;
}

export function createNodeMetrics(options: MetricsOptions & { mode: Mode }): NodeMetrics {
  const { registry, metrics } = createMetrics(options, { process: 'api', mode: options.mode });
  return {
    ...metrics,
    observer: clientMetrics(registry),
    onRequest: httpMetrics(registry),
    watch: (usage) => clientGauges(registry, usage),
  };
}

export function createWriterMetrics(options: MetricsOptions): WriterMetrics {
  const { registry, metrics } = createMetrics(options, { process: 'writer', mode: 'coordinated' });
  return {
    ...metrics,
    observer: writerMetrics(registry),
    watch: (status) => writerGauges(registry, status),
  };
}

function createMetrics(
  { url, schema, version, store }: MetricsOptions,
  labels: { process: string; mode: Mode },
): { registry: Registry; metrics: Metrics } {
  const registry = new Registry();
  const reader = new DatabaseReader(url, schema);
  if (store === undefined) processMetrics(registry, { version, ...labels });
  else registry.setDefaultLabels({ store });
  databaseMetrics(registry, () => reader.read());
  return {
    registry,
    metrics: {
      contentType: registry.contentType,
      text: () => registry.metrics(),
      close: () => reader.close(),
    },
  };
}

export interface ProcessLabels {
  version: string;
  process: string;
  mode: Mode;
}

/** Metrics that every process has. */
export function processMetrics(registry: Registry, labels: ProcessLabels): void {
  collectDefaultMetrics({ register: registry });
  const buildInfo = new Gauge({
    name: 'sluice_build_info',
    help: 'Always 1. The labels are the version, the kind of process and its mode',
    labelNames: ['version', 'process', 'mode'],
    registers: [],
  });
  buildInfo.set({ ...labels }, 1);
  registry.registerMetric(buildInfo);
}
