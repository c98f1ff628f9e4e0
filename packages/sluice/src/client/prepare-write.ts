/** Makes a write of a request: identity, references, lane and content hash, from the document alone. */
import { randomInt } from 'node:crypto';
import { isId, operations, SluiceError, type Write } from '#protocol';
import { contentHash, describeDocument, findOutgrowth, laneOf, ModelError } from '#model';
import { newWriteId } from './write-id.ts';
import type { WriteRequest } from './contract.ts';

/** The present identity of the document: found by id if the request has no more. */
export interface PresentIdentity {
  referentialId: string;
  superclassId: string | null;
}

/** A number of this process, which writers use in hints. Two equal numbers cost a few useless hints. */
export const ownNode: number = randomInt(1, 2 ** 31 - 1);

/** The position of a write without one: all writes in the intake came before it. */
export const behindAll = Number.MAX_SAFE_INTEGER;

/** Checks what types alone do not. @throws {SluiceError} `invalid_request`, `document_not_found` */
export function assertRequest({ operation, documentId, idempotencyKey = null }: WriteRequest): void {
  if (!operations.includes(operation)) {
    throw new SluiceError(
      'invalid_request',
      `Cannot take the operation: it is not one of ${operations.join(', ')}`,
    );
  }
  assertIdempotencyKey(idempotencyKey);
  if (operation !== 'upsert' && !isId(documentId ?? '')) throw new SluiceError('document_not_found');
}

/** @throws {SluiceError} `invalid_request` */
export function assertIdempotencyKey(idempotencyKey: string | null): void {
  if (idempotencyKey === null) return;
  if (/^.{1,255}$/su.test(idempotencyKey) && !idempotencyKey.includes('\0')) return;
  throw new SluiceError(
    'invalid_request',
    'Cannot take the idempotencyKey: it is not of 1 to 255 characters, none of them NUL',
  );
}

/**
 * Refuses a body that PostgreSQL would write out larger than a node can read.
 * @throws {SluiceError} `invalid_json`
 */
export function assertBody(body: string | null, bytesMax: number): void {
  const path = body === null ? null : findOutgrowth(body, bytesMax);
  if (path === null) return;
  const message = `makes it larger than documentBytesMax, ${bytesMax} bytes, with all digits written out`;
  throw new SluiceError('invalid_json', `Cannot take the document: ${path} ${message}`, {
    detail: { errors: [{ path, message }] },
  });
}

/**
 * @param present Update and delete: the document's present identity, which decides the lane.
 * @param now By the database's clock.
 * @throws {SluiceError} `invalid_document` with the JSON path in `detail.path`
 */
export function prepareWrite(
  request: WriteRequest,
  lanes: number,
  present: PresentIdentity | null,
  now: number,
): Write {
  const { operation, body } = request;
  if (operation === 'delete' || body === null) {
    if (present === null) throw new SluiceError('document_not_found');
    return writeOf(request, lanes, now, {
      ...present,
      referenceIds: [],
      contentHash: '',
      body: null,
      present,
    });
  }
  const document = request.document ?? parse(body);
  const { referentialId, superclassId, references } = describe(request, document);
  return writeOf(request, lanes, now, {
    referentialId,
    superclassId,
    referenceIds: references.map((reference) => reference.referentialId),
    contentHash: hashOf(document),
    body,
    present,
  });
}

/** One literal without a spread: a node makes thousands of these a second, and a spread would double the cost. */
function writeOf(
  request: WriteRequest,
  lanes: number,
  now: number,
  content: Pick<Write, 'referentialId' | 'superclassId' | 'referenceIds' | 'contentHash' | 'body'> & {
    present: PresentIdentity | null;
  },
): Write {
  const writeId = newWriteId(now);
  const wait = request.waitForReferencesSeconds ?? null;
  const { referentialId, superclassId } = content.present ?? content;
  return {
    writeId,
    position: behindAll,
    operation: request.operation,
    resource: request.resource.endpoint,
    // A new document gets the id of the write that creates it, so it can be found while the write is under way.
    documentId: request.documentId ?? writeId,
    ifMatch: request.ifMatch ?? null,
    client: request.client ?? '',
    idempotencyKey: request.idempotencyKey ?? null,
    referenceDeadline: wait === null ? null : new Date(now + wait * 1000).toISOString(),
    wasBlocked: false,
    node: ownNode,
    waitedSeconds: null,
    traceparent: null,
    form: null,
    lane: laneOf(referentialId, superclassId, lanes),
    referentialId: content.referentialId,
    superclassId: content.superclassId,
    referenceIds: content.referenceIds,
    contentHash: content.contentHash,
    body: content.body,
  };
}

function describe(request: WriteRequest, document: unknown): ReturnType<typeof describeDocument> {
  try {
    return describeDocument(request.resource, document);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new SluiceError('invalid_document', error.message, { detail: { path: error.path } });
  }
}

/** PostgreSQL would not take what is nested deeper than the stack allows. */
export function hashOf(document: unknown): string {
  try {
    return contentHash(document);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SluiceError('invalid_json', 'Cannot take the document: it is nested too deeply', {
      detail: { path: '$' },
    });
  }
}

export function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new SluiceError('invalid_json', undefined, { detail: { path: '$' } });
  }
}
