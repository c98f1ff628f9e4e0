/**
 * How this node speaks of documents: what it takes for one, how it shows one, and what an error looks like. The rest of
 * the API knows only this, so that another way of speaking is another implementation.
 */
import type { DocumentFilter, StoredDocument, WriteRequest } from 'sluice/internal/client';
import type { Resource } from 'sluice/model';
import type { Operation, Outcome } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import type { DocumentText } from './document-text.ts';

export interface ListRequest {
  limit: number;
  offset: number;
  totalCount: boolean;
  filter?: DocumentFilter | undefined;
}

export type Query = Record<string, string | string[] | undefined>;

export interface Profile {
  /** Further media types of a document; `*` takes any that {@link checkMediaType} does not refuse. */
  readonly mediaTypes: readonly (string | RegExp)[];
  /** @throws {SluiceError} `unsupported_media_type` */
  checkMediaType(contentType: string | undefined): void;
  /**
   * Bytes as a document of the resource, checked and ready to be stored.
   * @param documentId The id in the URL; undefined if there is none.
   * @throws {SluiceError} `invalid_json`, `invalid_document`
   */
  readDocument(bytes: Buffer, resource: Resource, documentId: string | undefined): DocumentText;
  /** The same for a text that is sound JSON and parsed already. `value` may be changed. */
  takeDocument(
    text: string,
    value: unknown,
    resource: Resource,
    documentId: string | undefined,
  ): DocumentText;
  /** @throws {SluiceError} */
  readDocumentId(text: string): string;
  /**
   * The entity tag that the document must have for a write, or `*`; null: any, or none.
   * @throws {SluiceError} `invalid_request` for a condition that it does not know
   */
  readCondition(operation: Operation, headers: IncomingHttpHeaders): string | null;
  readList(resource: Resource, query: Query): ListRequest;
  /**
   * A page that would be too large ends early and links to its rest. False: clients of this profile know of no such link,
   * and would take the part for the whole; they are sent all of it, a part at a time.
   */
  readonly endsPagesEarly: boolean;
  /** Work that spares the first requests a wait: done once the node listens, until it is told to end. @default none */
  prepare?(signal: AbortSignal): Promise<void>;
  /** A content hash as the `ETag` header carries it. */
  entityTag(contentHash: string): string;
  location(request: FastifyRequest, path: string): string;
  /** A stored document as JSON text. */
  present(resource: Resource, stored: StoredDocument): string;
  answerRefusal(
    request: FastifyRequest,
    reply: FastifyReply,
    write: WriteRequest,
    outcome: Outcome,
  ): FastifyReply;
  answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply;
  answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply;
  /** Routes of its own. */
  addRoutes(app: FastifyInstance): void;
}
