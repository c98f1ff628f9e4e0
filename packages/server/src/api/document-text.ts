/**
 * Documents as text. A document's text is never rewritten from parsed values between client and database, so its
 * numbers and escapes stay.
 */
import type { Resource } from 'sluice/model';
import { SluiceError } from 'sluice/internal/protocol';
import { placeText, type JsonOffence, type JsonScanner } from './json-scanner.ts';
import { faultAt } from './problem.ts';

export interface DocumentText {
  body: string;
  document: Record<string, unknown>;
}

/** Whether `id` is a property of the resource itself; for all other resources, the node adds it. */
const ownsId = (resource: Resource): boolean =>
  resource.identityPaths.some((path) => path === '$.id' || path.startsWith('$.id.'));

/**
 * Reads a document and checks that it can be stored unchanged.
 *
 * An `id` in it must equal the one in the URL, and is removed, so that the answer of a GET can be sent back by a PUT.
 * @param documentId The id in the URL; undefined if there is none.
 * @throws {SluiceError} `invalid_json`, `invalid_document`, each with the path
 */
export function readDocument(
  scanner: JsonScanner,
  bytes: Buffer,
  resource: Resource,
  documentId: string | undefined,
): DocumentText {
  const body = readJson(scanner, bytes);
  return takeOutId(scanner, body.text, body.value, resource, documentId);
}

/**
 * Bytes as text and value.
 * @throws {SluiceError} `invalid_json` with the path
 */
export function readJson(scanner: JsonScanner, bytes: Buffer): { text: string; value: unknown } {
  const { offence } = scanner.scan(bytes);
  if (offence !== null) throw unreadable(offence);
  const text = bytes.toString('utf8');
  return { text, value: JSON.parse(text) as unknown };
}

/** The error for a text that is not JSON, or cannot be stored: its place, but nothing of its content. */
export function unreadable(offence: JsonOffence): SluiceError {
  const { path, line, column, message } = offence;
  return new SluiceError(
    'invalid_json',
    `Cannot take the document because ${path} ${message} (${placeText(offence)})`,
    { detail: { errors: [{ path, message, line, column }] } },
  );
}

/** @throws {SluiceError} `invalid_document` */
export function takeOutId(
  scanner: JsonScanner,
  text: string,
  value: unknown,
  resource: Resource,
  documentId: string | undefined,
): DocumentText {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw faultAt('invalid_document', '$', 'is not an object');
  }
  const document = value as Record<string, unknown>;
  if (!Object.hasOwn(document, 'id') || ownsId(resource)) return { body: text, document };
  const { id, ...rest } = document;
  if (documentId === undefined || typeof id !== 'string' || id.toLowerCase() !== documentId) {
    throw faultAt('invalid_document', '$.id', 'is not the id of the document in the URL');
  }
  return { body: withoutMember(scanner, text, 'id'), document: rest };
}

function withoutMember(scanner: JsonScanner, text: string, name: string): string {
  const bytes = Buffer.from(text);
  const { member } = scanner.scan(bytes, name);
  if (member === null) throw new SluiceError('internal', `Cannot find the member ${name}`);
  const before = bytes.toString('utf8', 0, member.start).trimEnd();
  const after = bytes.toString('utf8', member.end).trimStart();
  if (after.startsWith(',')) return before + after.slice(1);
  return (before.endsWith(',') ? before.slice(0, -1) : before) + after;
}

/** The stored text with the id as its first property. */
export function withId(resource: Resource, documentId: string, body: string): string {
  if (ownsId(resource)) return body;
  const rest = body.slice(1).trimStart();
  return `{"id": "${documentId}"${rest.startsWith('}') ? '' : ', '}${rest}`;
}
