/** `GET /data`: one document, or a page of a resource. */
import type { DocumentPage, StoredDocument } from 'sluice/internal/client';
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { findResource, type ApiNode } from './node.ts';
import { linkToRest, sendPage } from './page-answer.ts';
import type { Query } from './profile.ts';
import { hasVersion } from './request-headers.ts';
import { documentSchema, documentsSchema } from './route-schemas.ts';

export interface ResourceParams {
  project: string;
  resource: string;
}
export interface DocumentParams extends ResourceParams {
  id: string;
}

export function documentReadRoutes(app: FastifyInstance, node: ApiNode): void {
  app.get(
    '/data/:project/:resource/:id',
    { schema: documentSchema, config: { access: 'read' } },
    (request, reply) => sendDocument(node, request, reply),
  );
  app.get(
    '/data/:project/:resource',
    { schema: documentsSchema, config: { access: 'read' } },
    (request, reply) => sendDocuments(node, request, reply),
  );
}

async function sendDocument(
  node: ApiNode,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { client, profile } = node;
  const params = request.params as DocumentParams;
  const resource = findResource(node, `${params.project}/${params.resource}`);
  const documentId = profile.readDocumentId(params.id);
  const share = await node.reads.open(reply.raw);
  const stored = await client.readDocument(resource, documentId, share);
  if (stored === null) throw new SluiceError('document_not_found');
  share.hold(stored.body.length);
  reply
    .header('ETag', profile.entityTag(stored.contentHash))
    .header('Last-Modified', new Date(stored.modifiedAt).toUTCString());
  if (hasVersion(request.headers, stored)) return reply.code(304).send();
  return reply.type('application/json; charset=utf-8').send(profile.present(resource, stored));
}

async function sendDocuments(
  node: ApiNode,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { client, profile } = node;
  const params = request.params as ResourceParams;
  const resource = findResource(node, `${params.project}/${params.resource}`);
  const { limit, offset, totalCount, filter } = profile.readList(resource, request.query as Query);
  const share = await node.reads.open(reply.raw);
  const [page, total] = await Promise.all([
    client.listDocuments(resource, { limit, offset, filter }, share),
    totalCount ? client.countDocuments(resource, filter) : null,
  ]);
  if (total !== null) reply.header('Total-Count', total);
  const present = (stored: StoredDocument): string => profile.present(resource, stored);
  if (!profile.endsPagesEarly) {
    const readMore = (ids: readonly string[]): Promise<DocumentPage> => client.readDocuments(ids, share);
    return sendPage(reply, { page, share, present, readMore });
  }
  const { documents, rest } = page;
  if (rest.length > 0) {
    const next = { limit: rest.length, offset: offset + documents.length };
    reply.header('Link', linkToRest(request, next));
  }
  return sendPage(reply, { page, share, present });
}
