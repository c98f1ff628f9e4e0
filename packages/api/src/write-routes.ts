/** `/writes`: what became of a write that was answered before it was settled. */
import { SluiceError } from '@sluice/protocol';
import type { FastifyInstance } from 'fastify';
import { clientOf } from './client-of.ts';
import { readId, type ApiNode } from './node.ts';
import { writeSchema } from './route-schemas.ts';
import { answerOf } from './write-answer.ts';

export function writeRoutes(app: FastifyInstance, node: ApiNode): void {
  app.get('/writes/:id', { schema: writeSchema }, async (request, reply) => {
    const { id } = request.params as { id: string };
    const found = await node.client.readWrite(clientOf(request), readId(id, 'write_not_found'));
    if (found === null) throw new SluiceError('write_not_found');
    const { outcome, ...state } = found;
    if (outcome === null) reply.header('Retry-After', 1);
    const answer = outcome && answerOf(outcome, null, node.client.model, node.basePath);
    return reply.type('application/json; charset=utf-8').send(JSON.stringify({ ...state, outcome: answer }));
  });
}
