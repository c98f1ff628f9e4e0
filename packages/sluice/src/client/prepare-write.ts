/** Makes a write of a request: identity, references, lane and content hash, from the document alone. */
import { isId, operations, SluiceError, type Write } from '#protocol';
import { contentHash, describeDocument, findOutgrowth, ModelError } from '#model';
import type { WriteRequest } from './contract.ts';
import { newWrite, type PresentIdentity } from './new-write.ts';

/** Checks what types alone do not. @throws {SluiceError} `invalid_request`, `document_not_found` */
export function assertRequest({ operation, documentId, idempotencyKey = null }: WriteRequest): void {
  assertOperation(operation, operations);
  assertIdempotencyKey(idempotencyKey);
  if (operation !== 'upsert' && !isId(documentId ?? '')) throw new SluiceError('document_not_found');
}

/** @throws {SluiceError} `invalid_request` */
export function assertOperation(operation: string, known: readonly string[]): void {
  if (known.includes(operation)) return;
  throw new SluiceError('invalid_request', `Cannot take the operation: it is not one of ${known.join(', ')}`);
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
  const { operation, ifMatch = null, documentId = null } = request;
  const body = operation === 'delete' ? null : request.body;
  const { referentialId, superclassId, referenceIds, hash } =
    body === null ? withoutBody(present) : describe(request, body);
  const content = {
    operation,
    resource: request.resource.endpoint,
    documentId,
    ifMatch,
    referentialId,
    superclassId,
    referenceIds,
    contentHash: hash,
    body,
    form: null,
    present,
  };
  return newWrite(request, content, lanes, now);
}

interface Described extends PresentIdentity {
  referenceIds: string[];
  hash: string;
}

function withoutBody(present: PresentIdentity | null): Described {
  if (present === null) throw new SluiceError('document_not_found');
  return { ...present, referenceIds: [], hash: '' };
}

function describe({ resource, document: parsed }: WriteRequest, body: string): Described {
  const document = parsed ?? parse(body);
  try {
    const { referentialId, superclassId, references } = describeDocument(resource, document);
    const referenceIds = references.map((reference) => reference.referentialId);
    return { referentialId, superclassId, referenceIds, hash: hashOf(document) };
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
