/** The HTTP side of a node: it reads requests, hands writes to the client, and writes answers. It decides nothing. */
import type { SluiceClient } from '@sluice/client';
import { defaults } from '@sluice/protocol';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { admission } from './admission.ts';
import { assertGuarded, guard, type Auth } from './auth/guard.ts';
import { bodyClock } from './body-clock.ts';
import { bulkRoute } from './bulk-route.ts';
import { ClientQuota } from './client-quota.ts';
import { crossOrigin } from './cross-origin.ts';
import { documentRoutes } from './document-routes.ts';
import { edfiProfile } from './edfi/edfi-profile.ts';
import { answerBrokenRequest } from './error-answers.ts';
import { healthRoutes } from './health-routes.ts';
import { metricsRoute, type MetricsSource } from './metrics-route.ts';
import { JsonScanner } from './json-scanner.ts';
import { defaultLimits, jsonLimits, type ApiLimits } from './limits.ts';
import { nativeProfile } from './native-profile.ts';
import type { ApiNode } from './node.ts';
import { openapi, openapiRoute } from './openapi.ts';
import type { Profile } from './profile.ts';
import { securityHeaders } from './security-headers.ts';
import { writeRoutes } from './write-routes.ts';

export interface ApiOptions {
  /** Started and stopped by whoever made it. */
  client: SluiceClient;
  limits?: Partial<ApiLimits>;
  /** Who may do what. Left out, nobody is asked, and {@link listen} takes no connections from other machines. */
  auth?: Auth | undefined;
  /** Origins whose pages may use this API from a browser. @default none */
  corsOrigins?: readonly string[];
  /** @default A pino of level `warn`. Requests are logged at `debug`. */
  logger?: FastifyBaseLogger;
  /** How long a request waits for its outcome, unless it says otherwise. @default 30000 */
  waitMs?: number;
  /** In front of every path, e.g. `/v1`. @default '' */
  basePath?: string;
  /** What `/metrics` tells. @default there is no `/metrics` */
  metrics?: MetricsSource;
  /** Is told of each answered request, its route as it was declared. */
  onRequest?: (method: string, route: string, status: number, seconds: number) => void;
  /** How this node speaks of documents. @default as the model asks: `edfi` if it is made of Ed-Fi schemas */
  profile?: Profile['name'];
}

export function createApi(options: ApiOptions): FastifyInstance {
  const limits = { ...defaultLimits, ...options.limits };
  const base = {
    client: options.client,
    limits,
    scanner: new JsonScanner(jsonLimits(limits)),
    quota: new ClientQuota({ requestsMax: limits.clientRequestsMax, ratePerSecond: limits.clientRate }),
    waitMs: options.waitMs ?? defaults.waitMs,
    basePath: (options.basePath ?? '').replace(/\/+$/, ''),
  };
  const { profile: profileName = base.client.model.profile } = options;
  const profile = profileName === 'edfi' ? edfiProfile(base) : nativeProfile(base);
  const node: ApiNode = { ...base, profile };
  const logger = options.logger ?? pino({ level: 'warn' });
  const nodeName = randomBytes(4).toString('hex');
  let requests = 0;

  const app = Fastify({
    loggerInstance: logger,
    // A child logger for each request costs more than the request's own work.
    childLoggerFactory: (parent) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => `${nodeName}-${(++requests).toString(36)}`,
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headerTimeoutMs,
      // How often the server looks whether a time has run out.
      connectionsCheckingInterval: 1_000,
    },
    // A node that is stopping answers with its client's own problem.
    return503OnClosing: false,
    // Ed-Fi clients may end a collection's URL with a slash.
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => void profile.answerError(error, request, reply),
    clientErrorHandler: answerBrokenRequest,
    // The routes' schemas are for the OpenAPI document; limits, JSON and ids are checked by hand.
    schemaController: {
      compilersFactory: {
        // Their types know only Ajv's own compilers.
        buildValidator: (() => () => () => true) as never,
        buildSerializer: (() => () => JSON.stringify) as never,
      },
    },
  });
  securityHeaders(app, node.basePath);
  crossOrigin(app, options.corsOrigins ?? []);
  guard(app, options.auth, node.basePath);
  admission(app, node.quota);
  bodyClock(app, limits.bodyTimeoutMs, (error, request, reply) => {
    void profile.answerError(error, request, reply);
  });
  app.setErrorHandler((error, request, reply) => profile.answerError(error, request, reply));
  app.setNotFoundHandler((request, reply) => profile.answerNotFound(request, reply));
  if (isDebug(logger)) {
    app.addHook('onResponse', (request, reply, done) => {
      const { id, method, routeOptions } = request;
      logger.debug(
        { id, method, route: routeOptions.url, status: reply.statusCode, ms: reply.elapsedTime },
        'request',
      );
      done();
    });
  }

  const { metrics, onRequest } = options;
  if (onRequest !== undefined) {
    app.addHook('onResponse', (request, reply, done) => {
      const { method, routeOptions } = request;
      onRequest(method, routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1000);
      done();
    });
  }

  void app.register(
    async (scope) => {
      await openapi(scope, node);
      openapiRoute(scope);
      healthRoutes(scope, node);
      if (metrics !== undefined) metricsRoute(scope, metrics);
      profile.addRoutes(scope);
      writeRoutes(scope, node);
      // Each in a scope of its own, as they read bodies differently.
      await scope.register(async (inner) => documentRoutes(inner, node));
      await scope.register(async (inner) => bulkRoute(inner, node));
    },
    { prefix: node.basePath },
  );
  return app;
}

export interface ListenOptions {
  /** @default 127.0.0.1 */
  host?: string;
  /** 0: any free one. @default 8080 */
  port?: number;
}

/**
 * @returns The address, e.g. `http://127.0.0.1:8080`. `close` of the api stops it, after the requests under way.
 * @throws {SluiceError} `configuration_invalid` if other machines were let in and nothing says who may do what
 */
export async function listen(
  api: FastifyInstance,
  { host = '127.0.0.1', port = 8080 }: ListenOptions = {},
): Promise<string> {
  assertGuarded(host, api.asksNobody);
  return api.listen({ host, port });
}

function isDebug(logger: FastifyBaseLogger): boolean {
  return (
    'isLevelEnabled' in logger &&
    (logger as { isLevelEnabled(level: string): boolean }).isLevelEnabled('debug')
  );
}
