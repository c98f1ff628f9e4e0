export {
  createNodeMetrics,
  createWriterMetrics,
  type Metrics,
  type NodeMetrics,
  type WriterMetrics,
} from './create-metrics.ts';
export { createStoresMetrics } from './stores-metrics.ts';
export { serveMetrics, type MetricsServer } from './serve-metrics.ts';
