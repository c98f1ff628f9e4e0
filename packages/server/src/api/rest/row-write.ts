/** A request to `/rest/{table}` as a write of rows, with the form of its answer. */
import type { Outcome } from 'sluice/internal/protocol';
import { keyText, type RowRequest, type TableCatalog } from 'sluice/internal/targets';
import { memberText } from '../exact-members.ts';
import type { JsonScanner } from '../json-scanner.ts';
import type { RestPreferences } from './preferences.ts';
import { readKey, type RestQuery } from './query.ts';
import { assertUniform, readRows, type RestBody } from './read-body.ts';
import { badBody, notOffered, notSingular, RestError } from './rest-error.ts';
import type { AnswerForm } from './row-answer.ts';

export type RowMethod = AnswerForm['method'];

export interface RowWrite {
  /** Null: there is nothing to write, and nothing is affected. */
  row: RowRequest | null;
  form: AnswerForm;
  /** Path of the created row, if the client asks for it. */
  locate?: (outcome: Outcome) => string | undefined;
}

export interface RowWriteParts {
  method: RowMethod;
  table: TableCatalog;
  query: RestQuery;
  preferences: RestPreferences;
  isSingular: boolean;
  scanner: JsonScanner;
  /** Null: the method has none. */
  body: Buffer | null;
}

/** @throws {RestError} */
export function readRowWrite(parts: RowWriteParts): RowWrite {
  if (parts.method === 'POST') return readInsert(parts);
  if (parts.method === 'PUT') return readPut(parts);
  return readChange(parts);
}

function formOf(
  { method, query, preferences, isSingular }: RowWriteParts,
  isInsert: boolean,
  isMany = false,
): AnswerForm {
  const { returns, counts, applied } = preferences;
  const shown = query.select ?? null;
  return { method, returns, shown, isSingular, counts, isInsert, isMany, applied };
}

function readInsert(parts: RowWriteParts): RowWrite {
  const { query, preferences, isSingular } = parts;
  const { returns, resolution, missing } = preferences;
  const [filter] = query.filters.keys();
  if (filter !== undefined) throw notOffered(`POST takes no filter: ${filter.slice(0, 100)}`);
  const body = readRows(parts.scanner, parts.body!);
  const form = formOf(parts, resolution !== 'merge', body.rows.length > 1);
  if (isSingular && body.rows.length !== 1) throw notSingular(body.rows.length);
  if (body.rows.length === 0) return { row: null, form };
  if (query.columns === undefined) assertUniform(body.rows);
  const row: RowRequest = {
    ...common(parts, body),
    operation: resolution === null ? 'insert' : 'upsert',
    missing,
    // Only the rows show how many rows an upsert left unchanged.
    returning:
      returns === 'representation' || (preferences.counts && (body.isArray || resolution === 'ignore')),
    ...(resolution === null ? {} : { resolution }),
    ...(resolution === null || query.onConflict === undefined ? {} : { onConflict: query.onConflict }),
  };
  if (returns !== 'headers-only' || body.rows.length !== 1) return { row, form };
  return { row, form, locate: (outcome) => locationOf(parts, body, outcome) };
}

function readPut(parts: RowWriteParts): RowWrite {
  const { table, query, preferences } = parts;
  const key = readKey(query, table, 'PUT');
  const body = readRows(parts.scanner, parts.body!);
  const [first] = body.rows;
  if (first === undefined || body.rows.length > 1) throw badBody('PUT takes one row');
  for (const name of table.key) {
    const value = first[name];
    const text = typeof value === 'string' ? value : keyTextOf(parts, body, name);
    if (text === undefined || !isSameKey(table, name, text, key[name]!)) throw otherKey();
  }
  return {
    row: {
      ...common(parts, body),
      operation: 'upsert',
      missing: preferences.missing,
      returning: preferences.returns === 'representation',
    },
    form: formOf(parts, false),
  };
}

function readChange(parts: RowWriteParts): RowWrite {
  const { method, table, query, preferences, scanner } = parts;
  const returning = preferences.returns === 'representation';
  const form = formOf(parts, false);
  if (method === 'DELETE') {
    const key = readKey(query, table, 'DELETE');
    return { row: { target: table.name, operation: 'delete', body: null, key, returning }, form };
  }
  const key = readKey(query, table, 'PATCH');
  const body = readRows(scanner, parts.body!);
  if (body.isArray) throw badBody('PATCH takes an object of the columns to change');
  if (Object.keys(body.rows[0]!).length === 0) return { row: null, form };
  const row: RowRequest = { ...common(parts, body), operation: 'update', key, returning };
  return { row, form };
}

function common(
  { table, query }: RowWriteParts,
  { text, rows, isArray }: RestBody,
): Omit<RowRequest, 'operation'> {
  const parsed = isArray ? rows : rows[0];
  const { columns } = query;
  return { target: table.name, body: text, parsed, ...(columns === undefined ? {} : { columns }) };
}

/** `/rest/orders?id=eq.7`; undefined: a value of the key is unknown. */
function locationOf(parts: RowWriteParts, body: RestBody, { detail }: Outcome): string | undefined {
  const { table } = parts;
  const filters = table.key.map((name) => {
    const value = detail?.key?.[name];
    const text = value === undefined || value === null ? keyTextOf(parts, body, name) : textOf(value);
    return text === undefined ? undefined : `${encodeURIComponent(name)}=eq.${encodeURIComponent(text)}`;
  });
  if (filters.includes(undefined)) return undefined;
  return `/rest/${encodeURIComponent(pathNameOf(table))}?${filters.join('&')}`;
}

/** Without the schema if it is the default one. */
export function pathNameOf({ name, schema, table }: Pick<TableCatalog, 'name' | 'schema' | 'table'>): string {
  return schema === 'public' ? table : name;
}

/** Two spellings of a UUID or of a number are one value. */
function isSameKey({ columns }: TableCatalog, name: string, one: string, other: string): boolean {
  const { baseType } = columns.find((column) => column.name === name)!;
  return keyText(one, baseType) === keyText(other, baseType);
}

/** A value of the key as the body spells it; the body has one row. */
function keyTextOf(
  { scanner }: RowWriteParts,
  { text, isArray }: RestBody,
  name: string,
): string | undefined {
  const object = isArray ? text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1) : text;
  const found = memberText(scanner, object, name);
  return found === null || found === 'null' ? undefined : textOf(JSON.parse(quoteNumber(found)));
}

/** A number as a string keeps its digits. */
function quoteNumber(text: string): string {
  return /^[\d-]/.test(text) ? `"${text}"` : text;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function otherKey(): RestError {
  return new RestError('invalid_request', {
    code: 'PGRST115',
    status: 400,
    message: 'Payload values do not match URL in primary key column(s)',
  });
}
