/**
 * The dialect of a node for documents: what it accepts, how it shows documents, and the form of errors. The rest of
 * the API uses only this interface, so another dialect is another implementation.
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
  /** Further media types of a document; `*` accepts any that {@link checkMediaType} does not refuse. */
  readonly mediaTypes: readonly (string | RegExp)[];
  /** @throws {SluiceError} `unsupported_media_type` */
  checkMediaType(contentType: string | undefined): void;
  /**
   * Bytes as a document of the resource, checked and ready to be stored.
   * @param documentId The id in the URL; undefined if there is none.
   * @throws {SluiceError} `invalid_json`, `invalid_document`
   */
  readDocument(bytes: Buffer, resource: Resource, documentId: string | undefined): DocumentText;
  /** The same for a text that is valid JSON and already parsed. `value` may be changed. */
  takeDocument(
    text: string,
    value: unknown,
    resource: Resource,
    documentId: string | undefined,
  ): DocumentText;
  /** @throws {SluiceError} */
  readDocumentId(text: string): string;
  /**
   * The entity tag that the document must have for a write, or `*`; null: no condition.
   * @throws {SluiceError} `invalid_request` for an unknown condition
   */
  readCondition(operation: Operation, headers: IncomingHttpHeaders): string | null;
  readList(resource: Resource, query: Query): ListRequest;
  /**
   * Whether a page that is too large ends early and links to its rest. False: clients of this profile do not know
   * such links and would take the part for the whole, so they get all of it in parts.
   */
  readonly endsPagesEarly: boolean;
  /** Work that would delay the first requests; it runs after the node listens, until the signal aborts. @default none */
  prepare?(signal: AbortSignal): Promise<void>;
  /** A content hash in the form of the `ETag` header. */
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
