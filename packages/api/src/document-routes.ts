/** `/data`: one write a request, and plain reads. */
import type { WriteRequest } from '@sluice/client';
import { isApplied, SluiceError, type Operation } from '@sluice/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { clientOf } from './client-of.ts';
import { readDocument, withId } from './document-text.ts';
import { findResource, readId, waitMsOf, type ApiNode } from './node.ts';
import { sendProblem } from './send-problem.ts';
import {
  appliedPreferences,
  matchesNone,
  readIdempotencyKey,
  readIfMatch,
  readPreferences,
} from './request-headers.ts';
import {
  documentSchema,
  documentsSchema,
  removeSchema,
  replaceSchema,
  upsertSchema,
} from './route-schemas.ts';
import { answerOf } from './write-answer.ts';

interface ResourceParams {
  project: string;
  resource: string;
}
interface DocumentParams extends ResourceParams {
  id: string;
}
type Query = Record<string, string | string[] | undefined>;

const emptyBody = Buffer.alloc(0);

export function documentRoutes(app: FastifyInstance, node: ApiNode): void {
  app.removeAllContentTypeParsers();
  for (const type of ['application/json', /^application\/[\w.+-]+\+json(?:;|$)/]) {
    app.addContentTypeParser(
      type,
      { parseAs: 'buffer', bodyLimit: node.limits.bodyBytesMax },
      (_request: FastifyRequest, body: Buffer, done: (error: null, body: Buffer) => void) => done(null, body),
    );
  }

  const write =
    (operation: Operation) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const params = request.params as DocumentParams;
      const resource = findResource(node, `${params.project}/${params.resource}`);
      const { headers } = request;
      const preferences = readPreferences(headers.prefer, node.limits.waitSecondsMax);
      const write: WriteRequest = {
        operation,
        resource,
        body: null,
        client: clientOf(request),
        idempotencyKey: readIdempotencyKey(headers['idempotency-key']),
        waitForReferencesSeconds: preferences.waitForReferencesSeconds,
      };
      if (operation !== 'upsert') {
        write.documentId = readId(params.id, 'document_not_found');
        write.ifMatch = readIfMatch(headers['if-match']);
      }
      if (operation !== 'delete') {
        if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
          throw new SluiceError('unsupported_media_type', 'Cannot take the body as it is compressed');
        }
        const bytes = (request.body as Buffer | undefined) ?? emptyBody;
        const { body, document } = readDocument(node.scanner, bytes, resource, write.documentId);
        write.body = body;
        write.document = document;
      }

      const applied = appliedPreferences(preferences);
      if (applied !== undefined) reply.header('Preference-Applied', applied);
      if (preferences.respondAsync) {
        const { writeId } = await node.client.accept(write);
        return reply.code(202).header('Location', `${node.basePath}/writes/${writeId}`).send();
      }
      const waitMs = waitMsOf(node, preferences.waitSeconds, preferences.waitForReferencesSeconds);
      const outcome = await node.client.submit(write, { waitMs });
      const answer = answerOf(outcome, operation, node.client.model, node.basePath);
      if (!isApplied(outcome.result)) return sendProblem(reply, answer.problem!);
      if (answer.location !== undefined) reply.header('Location', answer.location);
      if (answer.etag) reply.header('ETag', `"${answer.etag}"`);
      return reply.header('Sluice-Result', outcome.result).code(answer.status).send();
    };

  app.post('/data/:project/:resource', { schema: upsertSchema }, write('upsert'));
  app.put('/data/:project/:resource/:id', { schema: replaceSchema }, write('update'));
  app.delete('/data/:project/:resource/:id', { schema: removeSchema }, write('delete'));

  app.get('/data/:project/:resource/:id', { schema: documentSchema }, async (request, reply) => {
    const params = request.params as DocumentParams;
    const resource = findResource(node, `${params.project}/${params.resource}`);
    const stored = await node.client.readDocument(resource, readId(params.id, 'document_not_found'));
    if (stored === null) throw new SluiceError('document_not_found');
    reply
      .header('ETag', `"${stored.contentHash}"`)
      .header('Last-Modified', new Date(stored.modifiedAt).toUTCString());
    if (!matchesNone(request.headers['if-none-match'], stored.contentHash)) return reply.code(304).send();
    return reply
      .type('application/json; charset=utf-8')
      .send(withId(resource, stored.documentId, stored.body));
  });

  app.get('/data/:project/:resource', { schema: documentsSchema }, async (request, reply) => {
    const params = request.params as ResourceParams;
    const resource = findResource(node, `${params.project}/${params.resource}`);
    const { limit, offset, totalCount } = readPage(request.query as Query, node.limits.pageDocumentsMax);
    const [documents, total] = await Promise.all([
      node.client.listDocuments(resource, { limit, offset }),
      totalCount ? node.client.countDocuments(resource) : null,
    ]);
    if (total !== null) reply.header('Total-Count', total);
    const texts = documents.map(({ documentId, body }) => withId(resource, documentId, body));
    return reply.type('application/json; charset=utf-8').send(`[${texts.join(',')}]`);
  });
}

/** A parameter that is not known is refused: whoever filters by it would take the whole for the part. */
function readPage(query: Query, limitMax: number): { limit: number; offset: number; totalCount: boolean } {
  const unknown = Object.keys(query).find((name) => !['limit', 'offset', 'totalCount'].includes(name));
  if (unknown !== undefined) {
    throw new SluiceError('invalid_request', 'Cannot list documents as a query parameter is not known', {
      detail: { parameter: unknown.slice(0, 100) },
    });
  }
  const { totalCount = 'false' } = query;
  if (totalCount !== 'true' && totalCount !== 'false')
    throw badParameter('totalCount', 'is neither true nor false');
  return {
    limit: readCount(query, 'limit', 25, limitMax),
    offset: readCount(query, 'offset', 0, 2 ** 31 - 1),
    totalCount: totalCount === 'true',
  };
}

function readCount(query: Query, name: string, fallback: number, max: number): number {
  const text = query[name];
  if (text === undefined) return fallback;
  const count = typeof text === 'string' && /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (count <= max) return count;
  throw badParameter(name, `is not a number from 0 to ${max}`);
}

function badParameter(name: string, message: string): SluiceError {
  return new SluiceError('invalid_request', `Cannot list documents as ${name} ${message}`, {
    detail: { parameter: name },
  });
}
