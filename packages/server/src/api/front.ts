/**
 * The HTTP server of a node with many data stores. It passes each request to the routes of its store, which are a
 * server that does not listen. It answers requests for no store itself: health, and the list of stores.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from './create-server.ts';
import { answerError, problemOfAny } from './error-answers.ts';
import { metricsRoute, type MetricsSource } from './metrics-route.ts';
import { problemOf } from './problem.ts';
import { sendProblem } from './send-problem.ts';
import { isVisit, sendPicker, sendRefusal } from './store-picker.ts';

export interface StoreRoute {
  store: string;
  /** With the name of the store in the path, as the routes of the store expect. */
  url: string;
}

/**
 * Kind of a request. A probe keeps no store awake. A stream, which shows the page of operators what happens, does not
 * end by itself, so a store that is moved ends it.
 */
export type UseKind = 'request' | 'probe' | 'stream';

export interface StoreUse {
  app: FastifyInstance;
  release: () => void;
}

/** Numbers of stores: all, open, and failed. */
export interface StoreCount {
  stores: number;
  open: number;
  failed: number;
}

export interface FrontOptions extends Pick<
  ServerOptions,
  'auth' | 'corsOrigins' | 'logger' | 'tls' | 'basePath' | 'limits'
> {
  storeOf: (request: Pick<IncomingMessage, 'url' | 'headers'>) => StoreRoute | null;
  /**
   * Need not go on when the response closes, because its client has left.
   * @throws {SluiceError} if the store cannot be opened now
   */
  open: (store: string, kind: UseKind, response: ServerResponse) => Promise<StoreUse>;
  isAsleep: (store: string) => boolean;
  count: () => StoreCount;
  names: () => string[];
  /** `/dashboard/` shows the names of the stores, or asks for one, because names need authentication, or does not exist. */
  picker: 'names' | 'form' | 'none';
  /** Content of `/metrics`. @default no `/metrics` */
  metrics?: MetricsSource | undefined;
}

const open = { config: { access: 'open' } } as const;
/** After the name of the store. */
const probePath = /^\/(?:readyz|healthz)\/?(?:\?|$)/;
const streamPath = /^\/dashboard\/live\/?(?:\?|$)/;

export function createFront(options: FrontOptions): FastifyInstance {
  const { basePath = '', storeOf, isAsleep, picker } = options;
  const pickerFor = ({ headers }: FastifyRequest): string | null => {
    const url = `${basePath}/dashboard/`;
    return storeOf({ url, headers }) === null ? url : null;
  };
  const app = createServer({
    ...options,
    // Each store authenticates its own clients.
    auth: options.auth === undefined ? undefined : 'none',
    answers: {
      answerError: (error, request, reply) =>
        picker !== 'none' && isVisit(request)
          ? sendRefusal(reply, problemOfAny(error, request), pickerFor(request))
          : answerError(error, request, reply),
      answerNotFound(request, reply) {
        const problem = problemOf('endpoint_not_found', 'No data store has this name.');
        if (picker === 'none' || !isVisit(request)) return sendProblem(reply, problem);
        return sendRefusal(reply, problem, pickerFor(request));
      },
    },
  });
  const failures = new WeakMap<IncomingMessage, unknown>();
  app.addHook('onRequest', async ({ raw }) => {
    if (failures.has(raw)) throw failures.get(raw);
  });
  void app.register(async (scope) => frontRoutes(scope, options), { prefix: basePath });

  const [own] = app.server.listeners('request') as [
    (request: IncomingMessage, response: ServerResponse) => void,
  ];
  app.server.removeAllListeners('request');
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const route = storeOf(request);
    if (route === null) return own(request, response);
    const kind = kindOf(route.url.slice(`${basePath}/${route.store}`.length));
    if (kind === 'probe' && isAsleep(route.store)) {
      // A request for the state of a store does not wake the store.
      request.url = `${basePath}/readyz?store=${route.store}`;
      return own(request, response);
    }
    request.url = route.url;
    options.open(route.store, kind, response).then(
      (use) => {
        if (response.closed) return use.release();
        response.once('close', use.release);
        use.app.isClosing = app.isClosing;
        use.app.routing(request, response);
      },
      (error: unknown) => {
        if (response.closed) return;
        failures.set(request, error);
        own(request, response);
      },
    );
  });
  return app;
}

function kindOf(path: string): UseKind {
  if (probePath.test(path)) return 'probe';
  return streamPath.test(path) ? 'stream' : 'request';
}

function frontRoutes(app: FastifyInstance, options: FrontOptions): void {
  const { isAsleep, count, metrics, names, picker } = options;
  let tries = 0;
  /** A balancer sends no request to a node that is not ready, so no other request would find that a store is back. */
  const tryNext = ({ raw }: FastifyReply): void => {
    const name = names()[tries++ % names().length] ?? '';
    options.open(name, 'probe', raw).then(
      ({ release }) => release(),
      // The store has logged it.
      () => undefined,
    );
  };
  if (picker !== 'none') pickerRoute(app, options);
  app.get('/healthz', open, (_request, reply) => {
    reply.type('application/json; charset=utf-8').send('{"status":"up"}');
  });
  app.get<{ Querystring: { store?: string } }>('/readyz', open, ({ query: { store } }, reply) => {
    const facts = store === undefined ? { ...count() } : { store, state: 'asleep' };
    if (app.isClosing)
      return sendProblem(reply, problemOf('stopping', 'This node accepts no writes now.', facts));
    if (store !== undefined && !isAsleep(store))
      return sendProblem(reply, problemOf('endpoint_not_found', 'No data store has this name.'));
    const { stores, failed } = count();
    if (stores > 0 && failed === stores) {
      tryNext(reply);
      const reason = 'This node cannot use the database of any data store now.';
      return sendProblem(reply, problemOf('database_unavailable', reason, facts));
    }
    return reply.type('application/json; charset=utf-8').send(JSON.stringify({ status: 'ready', ...facts }));
  });
  // Without authentication here: if clients are authenticated, /metrics has its own port.
  if (metrics !== undefined) metricsRoute(app, metrics);
}

function pickerRoute(app: FastifyInstance, { names, picker, basePath = '' }: FrontOptions): void {
  app.get<{ Querystring: { store?: unknown } }>('/dashboard', open, ({ query: { store } }, reply) => {
    const known = names();
    const given = { basePath, names: picker === 'names' ? known : null };
    if (store === undefined) return sendPicker(reply, given);
    const name = typeof store === 'string' ? store.trim() : '';
    if (known.includes(name)) return reply.redirect(`${basePath}/${name}/dashboard/`, 303);
    return sendPicker(reply.code(404), given, 'No data store has this name.');
  });
}
