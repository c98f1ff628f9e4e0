/** `/data`: one write a request, and reads. */
import type { WriteRequest } from 'sluice/internal/client';
import { isApplied, type Operation } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { documentReadRoutes, type DocumentParams } from './document-read-routes.ts';
import { findResource, waitMsOf, type ApiNode } from './node.ts';
import {
  appliedPreferences,
  readIdempotencyKey,
  readPreferences,
  readTraceparent,
  type Preferences,
} from './request-headers.ts';
import { removeSchema, replaceSchema, upsertSchema } from './route-schemas.ts';
import { assertUncompressed, takeBodies } from './take-bodies.ts';
import { answerOf } from './write-answer.ts';

const emptyBody = Buffer.alloc(0);

export function documentRoutes(app: FastifyInstance, node: ApiNode): void {
  const { profile } = node;
  takeBodies(app, node, { mediaTypes: profile.mediaTypes, answers: profile });
  const write =
    (operation: Operation) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const preferences = readPreferences(request.headers.prefer, node.limits.waitSecondsMax);
      const write = readWrite(node, operation, request, preferences);
      const applied = appliedPreferences(preferences);
      if (applied !== undefined) reply.header('Preference-Applied', applied);
      if (!preferences.respondAsync) return settle(node, write, preferences, request, reply);
      const { writeId } = await node.client.accept(write);
      return reply.code(202).header('Location', `${node.basePath}/writes/${writeId}`).send();
    };

  app.post(
    '/data/:project/:resource',
    { schema: upsertSchema, config: { access: 'write' } },
    write('upsert'),
  );
  app.put(
    '/data/:project/:resource/:id',
    { schema: replaceSchema, config: { access: 'write' } },
    write('update'),
  );
  app.delete(
    '/data/:project/:resource/:id',
    { schema: removeSchema, config: { access: 'write' } },
    write('delete'),
  );
  documentReadRoutes(app, node);
}

function readWrite(
  node: ApiNode,
  operation: Operation,
  request: FastifyRequest,
  preferences: Preferences,
): WriteRequest {
  const { profile } = node;
  const { headers } = request;
  const params = request.params as DocumentParams;
  const resource = findResource(node, `${params.project}/${params.resource}`);
  const write: WriteRequest = {
    operation,
    resource,
    body: null,
    client: request.principal.client,
    idempotencyKey: readIdempotencyKey(headers['idempotency-key']),
    waitForReferencesSeconds: preferences.waitForReferencesSeconds,
    traceparent: readTraceparent(headers),
  };
  if (operation !== 'upsert') write.documentId = profile.readDocumentId(params.id);
  write.ifMatch = profile.readCondition(operation, headers);
  if (operation === 'delete') return write;
  assertUncompressed(headers);
  profile.checkMediaType(headers['content-type']);
  const bytes = (request.body as Buffer | undefined) ?? emptyBody;
  const { body, document } = profile.readDocument(bytes, resource, write.documentId);
  write.body = body;
  write.document = document;
  return write;
}

/** Submits the write and answers with its outcome. */
async function settle(
  node: ApiNode,
  write: WriteRequest,
  { waitSeconds, waitForReferencesSeconds }: Preferences,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { client, profile } = node;
  const waitMs = waitMsOf(node, waitSeconds, waitForReferencesSeconds);
  const outcome = await client.submit(write, { waitMs });
  const answer = answerOf(outcome, write.operation, client.model, node.basePath);
  if (!isApplied(outcome.result)) return profile.answerRefusal(request, reply, write, outcome);
  if (answer.location !== undefined) reply.header('Location', profile.location(request, answer.location));
  if (answer.etag) reply.header('ETag', profile.entityTag(answer.etag));
  return reply.header('Sluice-Result', outcome.result).code(answer.status).send();
}
