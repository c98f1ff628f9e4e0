/**
 * Access to routes. Each route declares it by `config.access`; a route without it is refused when it is added, so no
 * route is open by mistake. The check runs before the body is read.
 *
 * Only the `Authorization` header counts, and no cookie. A page of another site can make a browser send a request,
 * but not this header, so a forged request has no rights.
 */
import { SluiceError, type ResourceVerb } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { isLoopback } from './loopback.ts';
import { anybody, type Principal } from './principal.ts';
import type { Authenticator } from './authenticator.ts';

/**
 * Access of a route:
 * - `open`: any client.
 * - `own`: clients that may read or write anything; the route shows a client only its own writes.
 * - `read`, `write`: clients that may do that to the resource in the URL.
 * - `lines`: clients that may write anything; {@link assertMay} decides each line.
 * - `target`: the same; {@link demand} decides when the target in the URL is known.
 * - `operate`: operators.
 * - `bodies`: operators who may see the content of documents.
 */
export type Access = 'open' | 'own' | 'read' | 'write' | 'lines' | 'target' | 'operate' | 'bodies';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyInstance {
    /** No authentication is configured. */
    asksNobody: boolean;
  }
  interface FastifyRequest {
    /** The client of the request. */
    principal: Principal;
  }
}

/** `'none'`: no authentication. */
export type Auth = Authenticator | 'none';

/**
 * Without authentication a node refuses to listen for other machines, unless `none` is set explicitly.
 * @throws {SluiceError} `configuration_invalid`
 */
export function assertGuarded(host: string, asksNobody: boolean): void {
  if (!asksNobody || isLoopback(host)) return;
  throw new SluiceError(
    'configuration_invalid',
    `Cannot start: ${host} lets other machines connect, and no authentication is set: ` +
      'set --auth to keys, jwt or both, or to none where another program authenticates the clients',
  );
}

export function guard(app: FastifyInstance, auth: Auth | undefined, basePath: string): void {
  app.decorate('asksNobody', auth === undefined);
  app.decorateRequest('principal', null as unknown as Principal);
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: accessOf(route, basePath) };
  });
  app.addHook('onRequest', (request, _reply, done) => {
    request.principal = anybody;
    done();
  });
  if (auth === undefined || auth === 'none') return;
  // After the headers for browsers, which a refusal needs, too.
  app.after(() => {
    app.addHook('onRequest', async (request, reply) => {
      const { access } = request.routeOptions.config;
      if (access === 'open' || request.is404) return;
      try {
        request.principal = await auth.identify(request.headers.authorization);
        assertAccess(request, access);
      } catch (error) {
        challenge(request, reply, error);
        throw error;
      }
    });
  });
}

function accessOf({ method, url, config }: RouteOptions, basePath: string): Access {
  const access = config?.access ?? (isOfPlugin(method, url, basePath) ? 'open' : undefined);
  if (access !== undefined) return access;
  throw new Error(`Cannot add a route: it does not name its scope: ${String(method)} ${url}`);
}

/** Routes of plugins: the pages of /docs, and preflight requests, which never have credentials. */
function isOfPlugin(method: RouteOptions['method'], url: string, basePath: string): boolean {
  const docs = `${basePath}/docs`;
  return url === docs || url.startsWith(`${docs}/`) || (method === 'OPTIONS' && url === '*');
}

/** Sets the header of RFC 6750: the required credentials, and the fault of the given ones. */
function challenge(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
  if (!(error instanceof SluiceError) || error.entry.status >= 500) return;
  const hasCome = request.headers.authorization !== undefined;
  const reason = error.code === 'forbidden' ? 'insufficient_scope' : hasCome ? 'invalid_token' : null;
  reply.header('WWW-Authenticate', `Bearer realm="sluice"${reason === null ? '' : `, error="${reason}"`}`);
}

function assertAccess(request: FastifyRequest, access: Access | undefined): void {
  const { scopes } = request.principal;
  switch (access) {
    case 'read':
    case 'write': {
      const { project, resource } = request.params as { project: string; resource: string };
      return assertMay(request, access, `${project}/${resource}`);
    }
    case 'own':
      if (!scopes.allowsSome('read') && !scopes.allowsSome('write')) throw forbidden('read:… or write:…');
      return;
    case 'lines':
    case 'target':
      if (!scopes.allowsSome('write')) throw forbidden('write:…');
      return;
    case 'bodies':
      if (!scopes.maySeeBodies) throw forbidden('bodies');
      if (!scopes.mayOperate) throw forbidden('operate');
      return;
    default:
      if (!scopes.mayOperate) throw forbidden('operate');
  }
}

/** @throws {SluiceError} `forbidden` */
export function assertMay(request: FastifyRequest, verb: ResourceVerb, endpoint: string): void {
  const name = endpoint.replace(/^\//, '');
  if (!request.principal.scopes.allows(verb, name)) throw forbidden(`${verb}:${name}`);
}

/** The same, with the header that RFC 6750 requires. @throws {SluiceError} `forbidden` */
export function demand(
  request: FastifyRequest,
  reply: FastifyReply,
  verb: ResourceVerb,
  resource: string,
): void {
  try {
    assertMay(request, verb, resource);
  } catch (error) {
    challenge(request, reply, error);
    throw error;
  }
}

function forbidden(scope: string): SluiceError {
  return new SluiceError('forbidden', `This needs the scope ${scope}.`);
}
