/** `/data`: one write a request, and plain reads. */
import type { DocumentPage, StoredDocument, WriteRequest } from 'sluice/internal/client';
import { isApplied, SluiceError, type Operation } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { admitBodies, assertUncompressed } from './admit-bodies.ts';
import { explainBodies } from './error-answers.ts';
import { findResource, waitMsOf, type ApiNode } from './node.ts';
import { linkToRest, sendPage } from './page-answer.ts';
import type { Query } from './profile.ts';
import {
  appliedPreferences,
  matchesNone,
  readIdempotencyKey,
  readPreferences,
  readTraceparent,
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

const emptyBody = Buffer.alloc(0);

export function documentRoutes(app: FastifyInstance, node: ApiNode): void {
  const { profile } = node;
  explainBodies(app, profile, {
    takes: 'application/json',
    bytesMax: node.limits.bodyBytesMax,
  });
  app.removeAllContentTypeParsers();
  for (const type of profile.mediaTypes) {
    app.addContentTypeParser(
      type,
      { parseAs: 'buffer', bodyLimit: node.limits.bodyBytesMax },
      (_request: FastifyRequest, body: Buffer, done: (error: null, body: Buffer) => void) => done(null, body),
    );
  }

  admitBodies(app, node);

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
        client: request.principal.client,
        idempotencyKey: readIdempotencyKey(headers['idempotency-key']),
        waitForReferencesSeconds: preferences.waitForReferencesSeconds,
        traceparent: readTraceparent(headers),
      };
      if (operation !== 'upsert') write.documentId = profile.readDocumentId(params.id);
      write.ifMatch = profile.readCondition(operation, headers);
      if (operation !== 'delete') {
        assertUncompressed(headers);
        profile.checkMediaType(headers['content-type']);
        const bytes = (request.body as Buffer | undefined) ?? emptyBody;
        const { body, document } = profile.readDocument(bytes, resource, write.documentId);
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
      if (!isApplied(outcome.result)) return profile.answerRefusal(request, reply, write, outcome);
      if (answer.location !== undefined) reply.header('Location', profile.location(request, answer.location));
      if (answer.etag) reply.header('ETag', profile.entityTag(answer.etag));
      return reply.header('Sluice-Result', outcome.result).code(answer.status).send();
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

  app.get(
    '/data/:project/:resource/:id',
    { schema: documentSchema, config: { access: 'read' } },
    async (request, reply) => {
      const params = request.params as DocumentParams;
      const resource = findResource(node, `${params.project}/${params.resource}`);
      const documentId = profile.readDocumentId(params.id);
      const share = await node.reads.open(reply.raw);
      const stored = await node.client.readDocument(resource, documentId, share);
      if (stored === null) throw new SluiceError('document_not_found');
      share.hold(stored.body.length);
      reply
        .header('ETag', profile.entityTag(stored.contentHash))
        .header('Last-Modified', new Date(stored.modifiedAt).toUTCString());
      if (!matchesNone(request.headers['if-none-match'], stored.contentHash)) return reply.code(304).send();
      return reply.type('application/json; charset=utf-8').send(profile.present(resource, stored));
    },
  );

  app.get(
    '/data/:project/:resource',
    { schema: documentsSchema, config: { access: 'read' } },
    async (request, reply) => {
      const params = request.params as ResourceParams;
      const resource = findResource(node, `${params.project}/${params.resource}`);
      const { limit, offset, totalCount, filter } = profile.readList(resource, request.query as Query);
      const share = await node.reads.open(reply.raw);
      const [page, total] = await Promise.all([
        node.client.listDocuments(resource, { limit, offset, filter }, share),
        totalCount ? node.client.countDocuments(resource, filter) : null,
      ]);
      if (total !== null) reply.header('Total-Count', total);
      const present = (stored: StoredDocument): string => profile.present(resource, stored);
      if (!profile.endsPagesEarly) {
        const readMore = (ids: readonly string[]): Promise<DocumentPage> =>
          node.client.readDocuments(ids, share);
        return sendPage(reply, { page, share, present, readMore });
      }
      const { documents, rest } = page;
      if (rest.length > 0) {
        const next = { limit: rest.length, offset: offset + documents.length };
        reply.header('Link', linkToRest(request, next));
      }
      return sendPage(reply, { page, share, present });
    },
  );
}
