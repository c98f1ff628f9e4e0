/**
 * The HTTP server below the routes of a node, or of the operators' page alone: authentication, headers for browsers,
 * limits of requests, and errors.
 */
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { randomBytes } from 'node:crypto';
import { FailureLog } from 'sluice/internal/protocol';
import { pino } from 'pino';
import { admission } from './admission.ts';
import { allowedMethods, type IsKnown } from './allowed-methods.ts';
import { assertGuarded, guard, type Auth } from './auth/guard.ts';
import { bodyClock } from './body-clock.ts';
import { ClientQuota } from './client-quota.ts';
import { crossOrigin } from './cross-origin.ts';
import {
  answerBrokenRequest,
  answerError,
  answerNotFound,
  answerUnknownExpectation,
} from './error-answers.ts';
import { expectContinue } from './expect-continue.ts';
import { assertCharset, hasBody } from './request-headers.ts';
import { trackConnections } from './close-connections.ts';
import { defaultLimits, type ApiLimits } from './limits.ts';
import { readerClock } from './reader-clock.ts';
import { securityHeaders } from './security-headers.ts';

/** Adds routes; each declares its access in `config`. */
export type Routes = (scope: FastifyInstance) => void | Promise<void>;

export interface ServerOptions {
  /** Authentication. Without it, {@link listen} accepts no connections from other machines. */
  auth?: Auth | undefined;
  /** Origins whose pages may use this server from a browser. @default none */
  corsOrigins?: readonly string[];
  /** @default A pino of level `warn`. Requests are logged at `debug`. */
  logger?: FastifyBaseLogger;
  /** Receives each answered request, with its route as declared. */
  onRequest?: (method: string, route: string, status: number, seconds: number) => void;
  /** @default the defaults of {@link ApiLimits} */
  limits?: ApiLimits;
  /** @default one with the limits */
  quota?: ClientQuota;
  /** Certificate and key for HTTPS, in PEM. @default HTTP */
  tls?: { cert: string; key: string } | undefined;
  /** Prefix of every path. @default '' */
  basePath?: string;
  /** Whether something exists at a URL with these parameters. @default true */
  isKnown?: IsKnown;
  /** The form of errors. @default problem details */
  answers?: Answers;
}

interface Answers {
  answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply;
  answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply;
}

/** Interval of checks for idle connections while the server closes. */
const closeIdleMs = 50;

export function createServer(options: ServerOptions): FastifyInstance {
  const { auth, corsOrigins = [], onRequest, basePath = '', limits = defaultLimits } = options;
  const { answers = { answerError, answerNotFound } } = options;
  const quota =
    options.quota ??
    new ClientQuota({ requestsMax: limits.clientRequestsMax, ratePerSecond: limits.clientRate });
  const logger = options.logger ?? pino({ level: 'warn' });
  const app = bareServer(logger, limits, options.tls, answers);
  app.decorate('failures', new FailureLog(app.log));
  trackConnections(app);
  securityHeaders(app, basePath);
  crossOrigin(app, corsOrigins);
  guard(app, auth, basePath);
  admission(app, quota);
  allowedMethods(app, options.isKnown ?? (() => true));
  app.after(() => app.addHook('onRequest', checkCharset));
  bodyClock(app, limits.bodyTimeoutMs, (error, request, reply) => {
    void answers.answerError(error, request, reply);
  });
  readerClock(app, limits.readerTimeoutMs);
  expectContinue(app);
  app.server.on('checkExpectation', answerUnknownExpectation);
  closeIdleConnections(app);
  app.setErrorHandler((error, request, reply) => answers.answerError(error, request, reply));
  app.setNotFoundHandler((request, reply) => answers.answerNotFound(request, reply));
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
  if (onRequest !== undefined) {
    app.addHook('onResponse', (request, reply, done) => {
      const { method, routeOptions } = request;
      onRequest(method, routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1000);
      done();
    });
  }
  return app;
}

/** A Fastify that limits headers, validates nothing by itself, and answers broken requests. */
function bareServer(
  logger: FastifyBaseLogger,
  limits: ApiLimits,
  tls: ServerOptions['tls'],
  answers: Answers,
): FastifyInstance {
  const nodeName = randomBytes(4).toString('hex');
  let requests = 0;
  const http = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headerTimeoutMs,
    // Interval of the server's checks of time limits.
    connectionsCheckingInterval: 1_000,
  };
  return Fastify({
    loggerInstance: logger,
    // A child logger for each request costs more than the request itself.
    childLoggerFactory: (parent) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => `${nodeName}-${(++requests).toString(36)}`,
    // With HTTPS, Fastify passes on nothing else. The limit for the handshake is set here, too.
    ...(tls === undefined
      ? { http }
      : { https: { ...http, ...tls, handshakeTimeout: limits.headerTimeoutMs } as unknown as null }),
    // A stopping node answers with its own problem.
    return503OnClosing: false,
    // Some clients end a collection's URL with a slash.
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => void answers.answerError(error, request, reply),
    clientErrorHandler: answerBrokenRequest,
    // The schemas of routes are for the OpenAPI document; limits, JSON and ids are checked by hand.
    schemaController: {
      compilersFactory: {
        // The types know only Ajv's own compilers.
        buildValidator: (() => () => () => true) as never,
        buildSerializer: (() => () => JSON.stringify) as never,
      },
    },
  });
}

/** A body must have a supported charset. A request without a body may name any. */
function checkCharset({ headers }: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  if (hasBody(headers)) assertCharset(headers['content-type']);
  done();
}

/** Closes connections that become idle while the server closes, because they would keep it open. */
function closeIdleConnections(app: FastifyInstance): void {
  app.addHook('preClose', (done) => {
    const timer = setInterval(() => app.server.closeIdleConnections(), closeIdleMs);
    timer.unref();
    app.server.once('close', () => clearInterval(timer));
    if (!app.server.listening) clearInterval(timer);
    done();
  });
}

export interface ListenOptions {
  /** @default 127.0.0.1 */
  host?: string;
  /** 0: a free port. @default 8080 */
  port?: number;
}

/**
 * @returns the address, e.g. `http://127.0.0.1:8080`. `close` of the server stops it, after the requests under way.
 * @throws {SluiceError} `configuration_invalid` if other machines could connect without authentication
 */
export async function listen(
  server: FastifyInstance,
  { host = '127.0.0.1', port = 8080 }: ListenOptions = {},
): Promise<string> {
  assertGuarded(host, server.asksNobody);
  return server.listen({ host, port });
}

function isDebug(logger: FastifyBaseLogger): boolean {
  return (
    'isLevelEnabled' in logger &&
    (logger as { isLevelEnabled(level: string): boolean }).isLevelEnabled('debug')
  );
}
