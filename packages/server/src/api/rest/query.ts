/** The query of a URL as PostgREST reads it: columns to write and to answer, and the key of the row. */
import type { TableCatalog } from 'sluice/internal/targets';
import type { Query } from '../profile.ts';
import { badQuery, notOffered, RestError } from './rest-error.ts';

export interface RestQuery {
  /** Columns of the answer; null: all. */
  select: readonly string[] | null;
  columns: readonly string[] | undefined;
  onConflict: readonly string[] | undefined;
  /** Parameters that PostgREST takes for filters, with their texts. */
  filters: ReadonlyMap<string, string>;
}

const refused = ['order', 'limit', 'offset', 'and', 'or', 'not.and', 'not.or'];

/** @throws {RestError} */
export function readRestQuery(query: Query, table: TableCatalog): RestQuery {
  const texts = new Map<string, string>();
  for (const [name, value = ''] of Object.entries(query)) {
    if (Array.isArray(value)) {
      throw notOffered(`The query parameter ${name.slice(0, 100)} is given twice. Give it once.`);
    }
    texts.set(name, value);
  }
  const take = (name: string): string | undefined => {
    const text = texts.get(name);
    texts.delete(name);
    return text;
  };
  const other = refused.find((name) => texts.has(name));
  if (other !== undefined) throw notOffered(`The query parameter ${other} is not offered: ${writesOnly}`);
  return {
    select: readSelect(take('select'), table),
    columns: readColumns(take('columns'), 'columns', table),
    onConflict: readColumns(take('on_conflict'), 'on_conflict', table),
    filters: texts,
  };
}

export const writesOnly = 'Sluice writes rows by their key. To read rows, use PostgreSQL or PostgREST.';

/** A name, plain or in quotes, up to a comma or the end. */
const listed = /\s*(?:"((?:[^"\\]|\\.)*)"|([^",]+))\s*(?:,|$)/y;

function readNames(text: string, parameter: string): { name: string; isQuoted: boolean }[] {
  const names: { name: string; isQuoted: boolean }[] = [];
  for (listed.lastIndex = 0; listed.lastIndex < text.length;) {
    const found = listed.exec(text);
    if (found === null) throw badQuery(parameter, 'It is not a comma-separated list of names.');
    const [, quoted, plain = ''] = found;
    names.push(
      quoted === undefined
        ? { name: plain.trim(), isQuoted: false }
        : { name: quoted.replaceAll(/\\(.)/g, '$1'), isQuoted: true },
    );
  }
  return names;
}

function readColumns(
  text: string | undefined,
  parameter: string,
  table: TableCatalog,
): readonly string[] | undefined {
  if (text === undefined || text === '') return undefined;
  const names = readNames(text, parameter).map(({ name }) => name);
  const unknown = names.find((name) => !hasColumn(table, name));
  if (unknown !== undefined) throw undefinedColumn(unknown, table);
  return [...new Set(names)];
}

function readSelect(text: string | undefined, table: TableCatalog): readonly string[] | null {
  if (text === undefined || text === '' || text === '*') return null;
  const names = readNames(text, 'select').flatMap(({ name, isQuoted }) => {
    if (isQuoted || hasColumn(table, name)) return [name];
    if (name === '*') return table.columns.map((column) => column.name);
    if (/[(:]|->/.test(name)) {
      throw notOffered(
        'select takes names of columns: no other tables, no renames, no casts, no JSON paths.',
      );
    }
    return [name];
  });
  const unknown = names.find((name) => !hasColumn(table, name));
  if (unknown !== undefined) throw undefinedColumn(unknown, table);
  return [...new Set(names)];
}

/** The key of the row that the filters name. @throws {RestError} */
export function readKey(
  { filters }: RestQuery,
  table: TableCatalog,
  method: 'PATCH' | 'DELETE' | 'PUT',
): Record<string, string> {
  const key = new Map<string, string>();
  for (const [parameter, text] of filters) {
    const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(parameter)?.[1];
    const name = quoted === undefined ? parameter : quoted.replaceAll(/\\(.)/g, '$1');
    if (!hasColumn(table, name)) throw undefinedColumn(name, table);
    // The text after `eq.` is the value as given: quotes, commas and points belong to it.
    if (!table.key.includes(name) || !text.startsWith('eq.') || key.has(name)) throw notTheKey(table, method);
    key.set(name, text.slice(3));
  }
  if (key.size !== table.key.length) throw notTheKey(table, method);
  return Object.fromEntries(table.key.map((name) => [name, key.get(name)!]));
}

function notTheKey(table: TableCatalog, method: string): RestError {
  const form = table.key.map((name) => `${encodeURIComponent(name)}=eq.VALUE`).join('&');
  if (method !== 'PUT') {
    return notOffered(
      `${method} takes equality on the key of one row, and no other filter: ?${form}`,
      writesOnly,
    );
  }
  return new RestError('invalid_request', {
    code: 'PGRST105',
    status: 405,
    message: "Filters must include all and only primary key columns with 'eq' operators",
    hint: `?${form}`,
  });
}

export function hasColumn(table: TableCatalog, name: string): boolean {
  return table.columns.some((column) => column.name === name);
}

function undefinedColumn(name: string, { table }: TableCatalog): RestError {
  const message = `column ${table}.${name.slice(0, 100)} does not exist`;
  return new RestError('invalid_request', { code: '42703', status: 400, message });
}
