/** `/metrics` and `/healthz` on a separate port: for writers, which have no other, and for nodes by option. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './create-metrics.ts';

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

export async function serveMetrics(
  metrics: Metrics,
  { host, port, onError }: { host: string; port: number; onError?: (error: unknown) => void },
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    const isKnown = path === '/healthz' || path === '/metrics';
    if (isKnown && request.method !== 'GET' && request.method !== 'HEAD')
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    else if (path === '/healthz')
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"status":"up"}');
    else if (path === '/metrics') {
      metrics.text().then(
        (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
        (error: unknown) => {
          onError?.(error);
          response.writeHead(500).end();
        },
      );
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
