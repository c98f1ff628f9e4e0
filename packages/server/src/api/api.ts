/** The HTTP side of a node: it reads requests, passes writes to the client, and writes answers. It decides nothing. */
import type { SluiceClient } from 'sluice/internal/client';
import { defaults } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bulkRoute } from './bulk-route.ts';
import { ByteBudget } from './byte-budget.ts';
import { ClientQuota } from './client-quota.ts';
import { createServer, type Routes, type ServerOptions } from './create-server.ts';
import { documentRoutes } from './document-routes.ts';
import { healthRoutes } from './health-routes.ts';
import { metricsRoute, type MetricsSource } from './metrics-route.ts';
import { JsonScanner } from './json-scanner.ts';
import { defaultLimits, jsonLimits, type ApiLimits } from './limits.ts';
import { nativeProfile } from './native-profile.ts';
import type { ApiNode, ProfileFactory } from './node.ts';
import { originOf, type Origins } from './origin-of.ts';
import { openapi, openapiRoute } from './openapi.ts';
import { answersOf } from './rest/rest-answers.ts';
import { restRoutes } from './rest/rest-routes.ts';
import { writeRoutes } from './write-routes.ts';

export interface ApiOptions
  extends Pick<ServerOptions, 'auth' | 'corsOrigins' | 'logger' | 'onRequest' | 'tls'>, Origins {
  /** The caller starts and stops it. */
  client: SluiceClient;
  limits?: Partial<ApiLimits>;
  /** Longest wait of a request for its outcome, unless it sets its own. @default 30000 */
  waitMs?: number;
  /** Prefix of every path, e.g. `/v1`. @default '' */
  basePath?: string;
  /** Content of `/metrics`. @default no `/metrics` */
  metrics?: MetricsSource;
  /** Further routes under the same paths and guards. @default none */
  routes?: readonly Routes[];
  /** The dialect of this node for documents. @default Sluice's own */
  profile?: ProfileFactory;
}

export function createApi(options: ApiOptions): FastifyInstance {
  const limits = { ...defaultLimits, ...options.limits };
  const base = {
    client: options.client,
    limits,
    scanner: new JsonScanner(jsonLimits(limits)),
    quota: new ClientQuota({ requestsMax: limits.clientRequestsMax, ratePerSecond: limits.clientRate }),
    reads: new ByteBudget({ bytesMax: limits.readBytesMax }),
    bodies: new ByteBudget({ bytesMax: limits.bodiesBytesMax }),
    waitMs: options.waitMs ?? defaults.waitMs,
    basePath: (options.basePath ?? '').replace(/\/+$/, ''),
    originOf: (request: FastifyRequest) => originOf(request, options),
  };
  const profile = (options.profile ?? nativeProfile)(base);
  const node: ApiNode = { ...base, profile };
  const app = createServer({
    ...options,
    limits,
    quota: base.quota,
    basePath: node.basePath,
    answers: answersOf(profile, base.basePath),
    isKnown: ({ project, resource }) =>
      resource === undefined || base.client.model.findEndpoint(`${project}/${resource}`) !== undefined,
  });

  const closing = new AbortController();
  app.addHook('onListen', (done) => {
    // In the background.
    void profile.prepare?.(closing.signal);
    done();
  });
  app.addHook('preClose', (done) => {
    closing.abort();
    done();
  });

  void app.register(
    async (scope) => {
      await openapi(scope, node);
      openapiRoute(scope);
      healthRoutes(scope, node);
      if (options.metrics !== undefined) metricsRoute(scope, options.metrics);
      profile.addRoutes(scope);
      writeRoutes(scope, node);
      // Each in a scope of its own, because they read bodies differently.
      await scope.register(async (inner) => documentRoutes(inner, node));
      await scope.register(async (inner) => restRoutes(inner, node));
      await scope.register(async (inner) => bulkRoute(inner, node));
      for (const routes of options.routes ?? []) await scope.register(async (inner) => routes(inner));
    },
    { prefix: node.basePath },
  );
  return app;
}
