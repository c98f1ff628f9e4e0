/** Headers of every answer for browsers and caches: keep nothing, guess nothing, embed nothing. */
import type { FastifyInstance } from 'fastify';

const headers = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** Pages have a policy of their own, which allows their parts. */
const ofPages = Object.fromEntries(
  Object.entries(headers).filter(([name]) => name !== 'Content-Security-Policy' && name !== 'Cache-Control'),
);

export function securityHeaders(app: FastifyInstance, basePath: string): void {
  const docs = `${basePath}/docs`;
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(request.url.startsWith(docs) ? ofPages : headers);
    done();
  });
}
