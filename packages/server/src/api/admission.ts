/** Counts each request against the quota of its client until the answer is known, even if the client leaves. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type { ClientQuota } from './client-quota.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The request counts against its client's quota. A field, because a WeakSet would cost ten microseconds a request. */
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
  // After the guard, which identifies the client.
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
