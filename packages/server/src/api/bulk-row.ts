/** A line of a bulk request that names a target: a write of rows of a table, or to a function or a handler. */
import type { ClientTarget, SluiceClient } from 'sluice/internal/client';
import { rowOperations, SluiceError, type RowOperation } from 'sluice/internal/protocol';
import type { RowRequest } from 'sluice/internal/targets';
import { exactMembers } from './exact-members.ts';
import type { JsonScanner } from './json-scanner.ts';
import type { ApiNode } from './node.ts';
import { readIdempotencyKey } from './request-headers.ts';

const members = new Set([
  'target',
  'operation',
  'row',
  'key',
  'onConflict',
  'resolution',
  'returning',
  'idempotencyKey',
]);
/** The operations that take a member, if not all do. */
const takers: Readonly<Record<string, readonly RowOperation[]>> = {
  key: ['update', 'delete'],
  onConflict: ['upsert'],
  resolution: ['upsert'],
};
const marker = Buffer.from('"target"');

/**
 * Null: the line names no target, or is not JSON.
 * @param admit Throws if the client may not write to the target, before the row is read.
 * @throws {SluiceError} for the fault of the line; paths are those of the row
 */
export function readBulkRow(
  node: ApiNode,
  scanner: JsonScanner,
  bytes: Buffer,
  admit: (target: string) => void,
): RowRequest | null {
  if (!bytes.includes(marker)) return null;
  const named = scanner.scan(bytes, 'target');
  if (named.offence !== null || named.member === null) return null;
  const line = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  const unknown = Object.keys(line).find((name) => !members.has(name));
  if (unknown !== undefined) throw invalidLine(`it has an unknown member: ${unknown.slice(0, 100)}`);
  const {
    target: name,
    operation = 'insert',
    row,
    key,
    onConflict,
    resolution,
    returning,
    idempotencyKey,
  } = line;
  const target = findTarget(node.client, name);
  admit(target.name);
  if (!isOperation(operation)) throw invalidLine(`its operation is not one of ${rowOperations.join(', ')}`);
  const request: RowRequest = {
    target: target.name,
    operation,
    body: textAt(scanner, bytes, 'row'),
    ...(row === undefined ? {} : { parsed: row }),
    idempotencyKey: readIdempotencyKey(readText(idempotencyKey, 'idempotencyKey')),
  };
  const foreign = Object.keys(takers).find((name) => name in line && !takers[name]!.includes(operation));
  if (foreign !== undefined) throw invalidLine(`${operation} takes no ${foreign}`);
  if (operation === 'delete' && row !== undefined) throw invalidLine('a delete takes no row');
  if (operation !== 'delete' && row === undefined) throw invalidLine('its row is missing');
  if (key !== undefined) request.key = readKey(scanner, bytes, key);
  if (onConflict !== undefined) request.onConflict = readNames(onConflict);
  if (resolution !== undefined) request.resolution = readResolution(resolution);
  if (returning !== undefined) {
    if (typeof returning !== 'boolean') throw invalidLine('its returning is neither true nor false');
    request.returning = returning;
  }
  return request;
}

/** @throws {SluiceError} `endpoint_not_found` */
function findTarget(client: Pick<SluiceClient, 'targets'>, name: unknown): ClientTarget {
  if (typeof name !== 'string') throw invalidLine('its target is not a string');
  const all = client.targets();
  const found = all.find((each) => each.name === name) ?? all.find((each) => each.name === `public.${name}`);
  if (found === undefined)
    throw new SluiceError('endpoint_not_found', 'Cannot take the line: there is no such target');
  return found;
}

function textAt(scanner: JsonScanner, bytes: Buffer, name: string): string | null {
  const { member } = scanner.scan(bytes, name);
  return member === null ? null : bytes.toString('utf8', member.valueStart, member.end);
}

/** Numbers of the key as texts, with all their digits. */
function readKey(scanner: JsonScanner, bytes: Buffer, key: unknown): Record<string, unknown> {
  if (typeof key !== 'object' || key === null || Array.isArray(key))
    throw invalidLine('its key is not an object');
  return exactMembers(scanner, textAt(scanner, bytes, 'key')!, key as Record<string, unknown>);
}

function readNames(names: unknown): string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw invalidLine('its onConflict is not a list of columns');
}

function readResolution(resolution: unknown): 'merge' | 'ignore' {
  if (resolution === 'merge' || resolution === 'ignore') return resolution;
  throw invalidLine('its resolution is neither merge nor ignore');
}

function isOperation(operation: unknown): operation is RowOperation {
  return rowOperations.some((known) => known === operation);
}

export function readText(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw invalidLine(`its ${name} is not a string`);
}

export function invalidLine(reason: string): SluiceError {
  return new SluiceError('invalid_request', `Cannot take the line: ${reason}`);
}
