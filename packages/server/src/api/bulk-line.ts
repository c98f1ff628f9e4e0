/** One line of a bulk request as a write. */
import type { WriteRequest } from 'sluice/internal/client';
import { operations, SluiceError, type Operation } from 'sluice/internal/protocol';
import { findResource, type ApiNode } from './node.ts';
import { unreadable } from './document-text.ts';
import { readIdempotencyKey, readIfMatch } from './request-headers.ts';

const members = new Set(['endpoint', 'document', 'operation', 'id', 'ifMatch', 'idempotencyKey']);

/**
 * @param scanner Of the node's limits and one level deeper: the document is inside the line.
 * @param admit Throws where the client may not write to the resource, before the document is looked at.
 * @throws {SluiceError} what is wrong with the line; paths are those of the document
 */
export function readBulkLine(
  node: ApiNode,
  scanner: ApiNode['scanner'],
  { bytes, number }: { bytes: Buffer; number: number },
  admit: (endpoint: string) => void,
): WriteRequest {
  const { offence, member } = scanner.scan(bytes, 'document');
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
  if (unknown !== undefined) throw invalidLine(`it has a member that is not known: ${unknown.slice(0, 100)}`);
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

/** `$.document.name` of the line is `$.name` of the document; of what is outside it, the line is the place. */
function pathInDocument(path: string): string {
  return /^\$\.document(?=$|[.[])/.test(path) ? `$${path.slice('$.document'.length)}` : path;
}

function isOperation(operation: unknown): operation is Operation {
  return operations.some((known) => known === operation);
}

function readText(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw invalidLine(`its ${name} is not a string`);
}

function invalidLine(reason: string): SluiceError {
  return new SluiceError('invalid_request', `Cannot take the line as ${reason}`);
}
