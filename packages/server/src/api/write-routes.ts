/** `/writes`: the state of writes that were answered before they were settled. */
import { writesAskedMax, type WriteState } from 'sluice/internal/client';
import { isId, SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance } from 'fastify';
import { exactJson } from './exact-json.ts';
import { readId, type ApiNode } from './node.ts';
import { writeSchema, writesSchema } from './write-schemas.ts';
import { answerOf } from './write-answer.ts';

/** Room for the allowed number of ids, however they are spaced. */
const queryBytesMax = 128 * 1024;

export function writeRoutes(app: FastifyInstance, node: ApiNode): void {
  const answer = ({ outcome, ...state }: WriteState) => ({
    ...state,
    outcome: outcome && answerOf(outcome, null, node.client.model, node.basePath),
  });

  app.get('/writes/:id', { schema: writeSchema, config: { access: 'own' } }, async (request, reply) => {
    const { id } = request.params as { id: string };
    const found = await node.client.readWrite(request.principal.client, readId(id, 'write_not_found'));
    if (found === null) throw new SluiceError('write_not_found');
    if (found.outcome === null) reply.header('Retry-After', 1);
    return reply.type('application/json; charset=utf-8').send(exactJson(answer(found)));
  });

  app.post(
    '/writes/query',
    { schema: writesSchema, bodyLimit: queryBytesMax, config: { access: 'own' } },
    async (request, reply) => {
      const found = await node.client.readWrites(request.principal.client, readIds(request.body));
      return reply.type('application/json; charset=utf-8').send(exactJson(found.map(answer)));
    },
  );
}

/** @throws {SluiceError} `invalid_request` */
function readIds(body: unknown): string[] {
  const { ids } = (body ?? {}) as { ids?: unknown };
  if (!Array.isArray(ids) || ids.length > writesAskedMax || ids.some((id) => typeof id !== 'string')) {
    throw new SluiceError(
      'invalid_request',
      `Cannot read the body: its "ids" are not a list of up to ${writesAskedMax} ids`,
    );
  }
  return (ids as string[]).filter(isId);
}
