/** One line of a bulk request as a write of a document; `bulk-row` reads lines that name a target. */
import type { WriteRequest } from 'sluice/internal/client';
import { operations, type Operation } from 'sluice/internal/protocol';
import type { RowRequest } from 'sluice/internal/targets';
import { invalidLine, readBulkRow, readText } from './bulk-row.ts';
import { unreadable } from './document-text.ts';
import type { JsonScanner } from './json-scanner.ts';
import { findResource, type ApiNode } from './node.ts';
import { readIdempotencyKey, readIfMatch } from './request-headers.ts';

/** Scanners with the node's limits and one more level, because the document or row is inside the line. */
export interface BulkScanners {
  documents: JsonScanner;
  /** Accepts numbers that JavaScript would round. */
  rows: JsonScanner;
}

const members = new Set(['endpoint', 'document', 'operation', 'id', 'ifMatch', 'idempotencyKey']);

/**
 * @param admit Throws if the client may not write to the resource, before the document is read.
 * @throws {SluiceError} for the fault of the line; paths are those of the document
 */
export function readBulkLine(
  node: ApiNode,
  scanners: BulkScanners,
  { bytes, number }: { bytes: Buffer; number: number },
  admit: (resource: string) => void,
): WriteRequest | RowRequest {
  const row = readBulkRow(node, scanners.rows, bytes, admit);
  if (row !== null) return row;
  const { offence, member } = scanners.documents.scan(bytes, 'document');
  if (offence !== null) throw unreadable({ ...offence, path: pathInDocument(offence.path), line: number });
  const line = JSON.parse(bytes.toString('utf8')) as unknown;
  if (typeof line !== 'object' || line === null || Array.isArray(line)) {
    throw invalidLine('it is not an object');
  }
  const {
    endpoint,
    document,
    operation = 'upsert',
    id,
    ifMatch,
    idempotencyKey,
  } = line as Record<string, unknown>;
  const unknown = Object.keys(line).find((name) => !members.has(name));
  if (unknown !== undefined) throw invalidLine(`it has an unknown member: ${unknown.slice(0, 100)}`);
  if (typeof endpoint !== 'string') throw invalidLine('its endpoint is missing');
  if (!isOperation(operation)) throw invalidLine(`its operation is not one of ${operations.join(', ')}`);

  const resource = findResource(node, endpoint);
  admit(resource.endpoint);
  const write: WriteRequest = {
    operation,
    resource,
    body: null,
    ifMatch: readIfMatch(readText(ifMatch, 'ifMatch')),
    idempotencyKey: readIdempotencyKey(readText(idempotencyKey, 'idempotencyKey')),
  };
  if (operation === 'upsert') {
    if (id !== undefined) throw invalidLine('an upsert takes no id');
  } else {
    write.documentId = node.profile.readDocumentId(readText(id, 'id') ?? '');
  }
  if (operation === 'delete') {
    if (document !== undefined) throw invalidLine('a delete takes no document');
    return write;
  }
  if (member === null) throw invalidLine('its document is missing');
  const text = bytes.toString('utf8', member.valueStart, member.end);
  return Object.assign(write, node.profile.takeDocument(text, document, write.resource, write.documentId));
}

/** `$.document.name` of the line is `$.name` of the document; for other members, the line is the place. */
function pathInDocument(path: string): string {
  return /^\$\.document(?=$|[.[])/.test(path) ? `$${path.slice('$.document'.length)}` : path;
}

function isOperation(operation: unknown): operation is Operation {
  return operations.some((known) => known === operation);
}
