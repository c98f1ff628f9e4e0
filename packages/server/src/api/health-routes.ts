/** For load balancers: `/healthz` says that the process is up, `/readyz` that it takes writes. */
import type { FastifyInstance } from 'fastify';
import type { ApiNode } from './node.ts';
import { problemOf } from './problem.ts';
import { healthSchema, readySchema } from './route-schemas.ts';
import { sendProblem } from './send-problem.ts';

export function healthRoutes(app: FastifyInstance, node: ApiNode): void {
  app.get('/healthz', { schema: healthSchema, config: { access: 'open' } }, (_request, reply) => {
    reply.type('application/json; charset=utf-8').send('{"status":"up"}');
  });

  app.get('/readyz', { schema: readySchema, config: { access: 'open' } }, async (_request, reply) => {
    const { mode, isStarted, isDatabaseReachable, writesRefused, isListening, waiting, ...lanes } =
      await node.client.status();
    // Lanes that take no writes are only reported: all nodes share them, so other nodes would serve no better.
    const facts = {
      mode,
      hints: isListening ? 'notify' : 'poll',
      waiting,
      lanesWithoutLeader: lanes.lanesWithoutLeader.length,
      lanesOverloaded: lanes.lanesOverloaded.length,
    };
    if (!isStarted || app.isClosing)
      return sendProblem(reply, problemOf('stopping', 'This node accepts no writes now.', facts));
    if (!isDatabaseReachable) return sendProblem(reply, problemOf('database_unavailable', undefined, facts));
    if (writesRefused !== null) {
      const reason = `PostgreSQL accepts no writes of this node: ${writesRefused}.`;
      return sendProblem(reply, problemOf('database_unavailable', reason, facts));
    }
    return reply.type('application/json; charset=utf-8').send(JSON.stringify({ status: 'ready', ...facts }));
  });
}
