/** Makes a write of a request for a target: form, identity key, references and lane, from request and catalog alone. */
import { memberText, SluiceError, type Write } from '#protocol';
import { formText, rowKey, type RowRequest } from '#targets';
import { exactOf, identityOf, parentsOf, type GivenRow } from './row-identity.ts';
import { newWrite } from './new-write.ts';
import { hashOf, parse } from './prepare-write.ts';
import { refuseRow } from './refuse-row.ts';
import { readRows } from './row-body.ts';
import { readChange } from './row-change.ts';
import { hasColumns, uniqueRules, type RowTable } from './row-table.ts';

/** A table with what its rows need, or the paths of the key of a function or handler. */
export type RowTarget =
  { name: string; table: RowTable } | { name: string; table: null; keyPaths: readonly string[] };

type RowContent = Pick<Write, 'operation' | 'body' | 'form' | 'referenceIds'> & {
  /** Null: the database gives the row its key. */
  identity: string | null;
  /** What two requests with one idempotency key must share; `undefined`: the write has no idempotency key. */
  hashed: unknown;
};

/**
 * @param now By the database's clock.
 * @throws {SluiceError} `invalid_document` that names the columns, `invalid_json`, `invalid_request`
 */
export function prepareRow(request: RowRequest, target: RowTarget, lanes: number, now: number): Write {
  const { operation, identity, hashed, body, form, referenceIds } = contentOf(request, target);
  const isNew = operation === 'insert' || operation === 'upsert';
  const content = {
    operation,
    resource: target.name,
    documentId: isNew ? null : identity,
    ifMatch: null,
    referentialId: identity,
    superclassId: null,
    referenceIds,
    contentHash: hashed === undefined ? '' : hashOf(isRounded(body) ? [hashed, body] : hashed),
    body,
    form,
    present: null,
  };
  return newWrite(request, content, lanes, now);
}

/** JavaScript may have rounded a number of the body, so the text of the body counts for the hash. */
function isRounded(body: string | null): boolean {
  return body !== null && /\d[\d.]{15}|\d[eE][+-]?\d{3}/.test(body);
}

function contentOf(request: RowRequest, target: RowTarget): RowContent {
  return target.table === null
    ? contentOfCall(request, target.name, target.keyPaths)
    : contentOfRows(request, target.table);
}

function contentOfRows(request: RowRequest, table: RowTable): RowContent {
  const { operation } = request;
  const isChange = operation === 'update' || operation === 'delete';
  const { rows, columns, body, isArray, parsed } = isChange
    ? readChange(request, table)
    : readRows(request, table);
  const onConflict = operation === 'upsert' ? conflictOf(request, table) : null;
  const ignoresExisting = operation === 'upsert' && request.resolution === 'ignore';
  const isReturning = request.returning === true;
  const form = { operation, columns, isArray, onConflict, ignoresExisting, isReturning };
  return {
    operation,
    body,
    form: formText(form),
    identity: identityOf(table, rows[0]!, onConflict),
    referenceIds: operation === 'delete' ? [] : parentsOf(table, rows),
    hashed: isKeyless(request, rows)
      ? undefined
      : onConflict === null && !ignoresExisting
        ? parsed
        : [parsed, onConflict, ignoresExisting],
  };
}

/** The hash is for idempotency keys only. It also finds deep nesting, which a row without nested values cannot have. */
function isKeyless({ idempotencyKey = null }: RowRequest, rows: readonly GivenRow[]): boolean {
  const isNested = (value: unknown): boolean => typeof value === 'object' && value !== null;
  return idempotencyKey === null && rows.length === 1 && !Object.values(rows[0]!.values).some(isNested);
}

/** Null: the key of the target. @throws {SluiceError} `invalid_document` if no unique constraint has these columns */
function conflictOf(
  { onConflict }: RowRequest,
  { catalog, isKeyUnique }: RowTable,
): readonly string[] | null {
  if (onConflict === undefined && isKeyUnique) return null;
  if (onConflict === undefined) {
    const message = `cannot be upserted by the key (${catalog.key.join(', ')}), because it is WITHOUT OVERLAPS`;
    throw refuseRow(catalog.name, [{ path: '$', sqlState: '42P10', message }]);
  }
  const rules = uniqueRules(catalog);
  const rule = rules.find((each) => hasColumns(each, onConflict));
  if (rule !== undefined) return hasColumns(rule, catalog.key) ? null : rule.columns;
  const known = rules.map(({ columns }) => `(${columns!.join(', ')})`).join(', ');
  throw refuseRow(catalog.name, [
    {
      path: 'onConflict',
      sqlState: '42P10',
      message: `names no unique constraint of the table: (${onConflict.join(', ')}); it has ${known === '' ? 'none' : known}`,
    },
  ]);
}

/** Functions and handlers get the body unchanged. */
function contentOfCall(request: RowRequest, name: string, keyPaths: readonly string[]): RowContent {
  const { operation } = request;
  if (operation !== 'insert') {
    throw new SluiceError('invalid_request', `Cannot take the operation: ${name} takes insert`);
  }
  const { body } = request;
  if (body === null) throw refuseRow(name, [{ path: '$', message: 'is missing' }]);
  const parsed = request.parsed ?? parse(body);
  const texts = keyPaths.map((path) => keyAt(name, body, parsed, path));
  return {
    operation,
    body,
    form: null,
    identity: rowKey(name, texts),
    referenceIds: [],
    hashed: parsed,
  };
}

/** The text of a key's value in the body of a function or handler. */
function keyAt(name: string, body: string, parsed: unknown, path: string): string {
  let value = parsed;
  let text: string | undefined = body;
  for (const step of path.slice(2).split('.')) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    value =
      isObject && Object.hasOwn(value as object, step) ? (value as Record<string, unknown>)[step] : undefined;
    if (value === undefined || value === null)
      throw refuseRow(name, [{ path, message: 'is part of the key, and is missing' }]);
  }
  if (typeof value === 'object')
    throw refuseRow(name, [
      { path, message: 'is part of the key, and must be a string, a number or a boolean' },
    ]);
  if (typeof value === 'string') return value;
  for (const step of path.slice(2).split('.')) text = text === undefined ? undefined : memberText(text, step);
  return String(exactOf(value, () => text));
}
