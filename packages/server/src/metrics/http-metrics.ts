/** Durations of HTTP requests, by declared route, so that text of clients in a URL makes no series. */
import type { Registry } from 'prom-client';
import { Histogram, secondsBuckets, type Series } from './histogram.ts';

export type RequestObserver = (method: string, route: string, status: number, seconds: number) => void;

export function httpMetrics(registry: Registry): RequestObserver {
  const durations = new Histogram({
    name: 'sluice_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, by method, route and status. route none: an unknown URL',
    buckets: secondsBuckets,
    registry,
  });
  const routes = new Map<string, Map<string, Map<number, Series>>>();
  return (method, route, status, seconds) => {
    const methods = within(routes, route, () => new Map<string, Map<number, Series>>());
    const statuses = within(methods, method, () => new Map<number, Series>());
    within(statuses, status, () => durations.series({ method, route, status })).observe(seconds);
  };
}

function within<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = create()));
  return found;
}
