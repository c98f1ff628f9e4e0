/**
 * `Expect: 100-continue`: a client that waits with its body is told to go on when it is authenticated and within its
 * quota. Otherwise it gets its answer without sending the body.
 */
import type { FastifyInstance } from 'fastify';

export function expectContinue(app: FastifyInstance): void {
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response));
  app.addHook('preParsing', (request, reply, _payload, done) => {
    // Only this expectation gets here.
    if (request.headers.expect !== undefined && request.raw.httpVersionMinor > 0) reply.raw.writeContinue();
    done();
  });
}
