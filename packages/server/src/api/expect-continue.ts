/**
 * `Expect: 100-continue`: a client that asks whether to send its body is told so once it is known who it is and that it is
 * within its quota, and otherwise gets its answer without having sent it.
 */
import type { FastifyInstance } from 'fastify';

export function expectContinue(app: FastifyInstance): void {
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response));
  app.addHook('preParsing', (request, reply, _payload, done) => {
    // Only that expectation gets here.
    if (request.headers.expect !== undefined && request.raw.httpVersionMinor > 0) reply.raw.writeContinue();
    done();
  });
}
