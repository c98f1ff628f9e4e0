/** The ports of a node: its own, and one for metrics if that is separate. */
import type { AddressInfo } from 'node:net';
import type { HttpServer } from '#api';
import type { Metrics, MetricsServer } from '#metrics';
import { FailureLog } from 'sluice/internal/protocol';
import type { Logger } from 'pino';
import { listenAt, ownOptions } from '../process/listen-at.ts';
import { urlOf } from '../process/url-of.ts';
import type { ApiValues } from './api-settings.ts';
import type { SharedByNodes } from './open-node.ts';

export interface Ports {
  listen(server: HttpServer): Promise<{ url: string; metricsUrl?: string }>;
  /** Closes the port of the metrics; the caller closes the other. */
  close(): Promise<void>;
}

export function openPorts(values: ApiValues, shared: SharedByNodes, metrics: Metrics): Ports {
  const { logger, modules, tls } = shared;
  const apart = metricsPortOf(values, metrics, logger);
  return {
    async listen(server) {
      await listenAt(values, ownOptions, () =>
        modules.listen(server, { host: values.host, port: values.port }),
      );
      const { port } = server.server.address() as AddressInfo;
      const url = urlOf(values.host, port, tls === undefined ? 'http' : 'https');
      return { url, ...(await apart.open()) };
    },
    close: () => apart.close(),
  };
}

/** A port for metrics alone, if the settings ask for one. */
export function metricsPortOf(
  { metricsPort, metricsHost }: Pick<ApiValues, 'metricsPort' | 'metricsHost'>,
  metrics: Metrics | null,
  logger: Logger,
): { open(): Promise<{ metricsUrl?: string }>; close(): Promise<void> } {
  let server: MetricsServer | null = null;
  return {
    async open() {
      if (metricsPort === undefined || metrics === null) return {};
      const { serveMetrics } = await import('#metrics');
      const failures = new FailureLog(logger);
      const onError = (error: unknown): void => failures.note(error, 'tell metrics');
      const address = { host: metricsHost, port: metricsPort };
      const options = { host: '--metrics-host', port: '--metrics-port' };
      server = await listenAt(address, options, () => serveMetrics(metrics, { ...address, onError }));
      return { metricsUrl: urlOf(metricsHost, server.port) };
    },
    close: async () => server?.close(),
  };
}
