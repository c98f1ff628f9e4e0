/** Holds each client to its quota, from when its request comes until the answer is known, also if it goes away. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type { ClientQuota } from './client-quota.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Counts against its client's quota now. A WeakSet of such requests costs each of them ten microseconds. */
    isAdmitted: boolean;
  }
}

export function admission(app: FastifyInstance, quota: ClientQuota): void {
  app.decorateRequest('isAdmitted', false);
  const leave = (request: FastifyRequest): void => {
    if (!request.isAdmitted) return;
    request.isAdmitted = false;
    quota.leave(request.principal.client);
  };
  // Behind the guard, which says whose request it is.
  app.after(() => {
    app.addHook('onRequest', (request, _reply, done) => {
      if (request.routeOptions.config.access === 'open' || request.is404) return done();
      quota.enter(request.principal.client);
      request.isAdmitted = true;
      done();
    });
  });
  app.addHook('onSend', (request, _reply, payload, done) => {
    if (payload instanceof Readable) payload.once('close', () => leave(request));
    else leave(request);
    done();
  });
}
