/** The rows of a request as the intake keeps them: columns that the table has, in JSON text with all digits of its numbers. */
import { refuseRow, columnPath, type RowFault } from './refuse-row.ts';
import type { RowRequest } from '#targets';
import { checkRow } from './check-row.ts';
import { cutJson } from './cut-json.ts';
import { parse } from './prepare-write.ts';
import type { GivenRow } from './row-identity.ts';
import type { RowTable } from './row-table.ts';

/** Rows of one write. */
export const arrayRowsMax = 10_000;

export interface GivenRows {
  rows: readonly GivenRow[];
  /** In the order of the table. */
  columns: readonly string[];
  body: string;
  isArray: boolean;
  parsed: unknown;
}

type Values = Record<string, unknown>;

/** Insert and upsert: one row, or an array of rows. */
export function readRows(request: RowRequest, table: RowTable): GivenRows {
  const { name } = table;
  const { body } = request;
  if (body === null) throw refuseRow(name, [{ path: '$', message: 'is missing' }]);
  const parsed = request.parsed ?? parse(body);
  const isArray = Array.isArray(parsed);
  const given = isArray ? (parsed as unknown[]) : [parsed];
  assertRows(name, given, isArray);
  if (request.columns === undefined && !(isArray && request.missing === 'null')) {
    const columns = columnsOf(table, given, isArray);
    return finish(table, request, { rows: asRows(given, body, isArray), columns, body, isArray, parsed });
  }
  const columns =
    request.columns === undefined ? columnsOf(table, given, isArray) : namedColumns(table, request.columns);
  const texts = rowTexts(body, isArray).map((text) => rewriteRow(text, columns, request.missing === 'null'));
  const text = isArray ? `[${texts.join(',')}]` : texts[0]!;
  const rewritten = parse(text);
  const rows = asRows(isArray ? (rewritten as unknown[]) : [rewritten], text, isArray);
  return finish(table, request, { rows, columns, body: text, isArray, parsed: rewritten });
}

function finish(table: RowTable, request: RowRequest, read: GivenRows): GivenRows {
  const faults: RowFault[] = [];
  for (const [place, { values }] of read.rows.entries())
    checkRow(table, values, read.isArray ? place : null, { isNew: true }, faults);
  if (faults.length > 0) throw refuseRow(request.target, faults);
  return read;
}

function assertRows(name: string, given: readonly unknown[], isArray: boolean): void {
  if (given.length === 0) throw refuseRow(name, [{ path: '$', message: 'has no rows' }]);
  if (given.length > arrayRowsMax)
    throw refuseRow(name, [{ path: '$', message: `has more than ${arrayRowsMax} rows` }]);
  const wrong = given.findIndex((row) => typeof row !== 'object' || row === null || Array.isArray(row));
  if (wrong >= 0)
    throw refuseRow(name, [{ path: isArray ? `$[${wrong}]` : '$', message: 'must be an object of columns' }]);
}

/** The columns that rows have, in the order of the table. */
function columnsOf(table: RowTable, given: readonly unknown[], isArray: boolean): string[] {
  const names = new Set<string>();
  const faults: RowFault[] = [];
  for (const [place, row] of given.entries()) {
    for (const name of Object.keys(row as Values)) {
      if (names.has(name)) continue;
      names.add(name);
      if (!table.columns.has(name)) faults.push(unknownColumn(columnPath(isArray ? place : null, name)));
    }
  }
  if (faults.length > 0) throw refuseRow(table.name, faults);
  return inOrder(table, [...names]);
}

function namedColumns(table: RowTable, columns: readonly string[]): string[] {
  const unknown = columns.filter((name) => !table.columns.has(name));
  if (unknown.length === 0 && columns.length > 0) return inOrder(table, [...new Set(columns)]);
  throw refuseRow(
    table.name,
    columns.length === 0
      ? [{ path: 'columns', message: 'is empty' }]
      : unknown.map((name) => ({ path: 'columns', message: `names no column of the table: ${name}` })),
  );
}

function unknownColumn(path: string): RowFault {
  return { path, message: 'is no column of the table' };
}

function inOrder(table: RowTable, names: string[]): string[] {
  return names.sort((one, other) => table.places.get(one)! - table.places.get(other)!);
}

function rowTexts(body: string, isArray: boolean): string[] {
  return isArray ? cutJson(body).map(({ text }) => text) : [body];
}

/** Rows with their texts, which are cut out only when asked for. */
function asRows(given: readonly unknown[], body: string, isArray: boolean): GivenRow[] {
  if (!isArray) return [{ values: given[0] as Values, text: body }];
  let texts: string[] | null = null;
  return given.map((values, place) => ({
    values: values as Values,
    get text() {
      texts ??= rowTexts(body, true);
      return texts[place]!;
    },
  }));
}

/** Only these columns, and null for those that the row leaves out, if asked for. */
function rewriteRow(text: string, columns: readonly string[], withNulls: boolean): string {
  const members = new Map(cutJson(text).map((piece) => [piece.name, piece.text]));
  return objectText(
    columns.flatMap((name) => {
      const value = members.get(name) ?? (withNulls ? 'null' : undefined);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function objectText(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

export interface GivenChange {
  row: GivenRow;
  /** The columns that change, in the order of the table. */
  columns: readonly string[];
  body: string;
  parsed: unknown;
}

/** Update and delete: one row by its key, and the columns that change. */
export function readKey(request: RowRequest, table: RowTable): GivenChange {
  const { operation, key = {} } = request;
  assertKeyColumns(table, key);
  const members = table.key.map(({ name }) => [name, jsonOf(key[name])] as const);
  const keyObject = objectText(members);
  const faults: RowFault[] = [];
  if (operation === 'delete' || request.body === null) {
    if (operation === 'update')
      throw refuseRow(table.name, [{ path: '$', message: 'is missing: the columns to change' }]);
    const values = parse(keyObject) as Values;
    checkRow(table, values, null, { isNew: false }, faults);
    if (faults.length > 0) throw refuseRow(table.name, faults);
    return { row: { values, text: keyObject }, columns: [], body: keyObject, parsed: values };
  }
  const changes = request.parsed ?? parse(request.body);
  assertRows(table.name, [changes], false);
  const given =
    request.columns === undefined ? columnsOf(table, [changes], false) : namedColumns(table, request.columns);
  const columns = given.filter(
    (name) => !table.catalog.key.includes(name) || !keeps(changes as Values, key, name),
  );
  return finishChange(request, table, { columns, keyObject, members });
}

function finishChange(
  request: RowRequest,
  table: RowTable,
  {
    columns,
    members,
  }: { columns: string[]; keyObject: string; members: readonly (readonly [string, string])[] },
): GivenChange {
  const changed = new Map(cutJson(request.body!).map((piece) => [piece.name, piece.text]));
  const faults: RowFault[] = columns
    .filter((name) => table.catalog.key.includes(name))
    .map((name) => ({
      path: columnPath(null, name),
      message: 'is part of the key, which an update cannot change',
    }));
  const set = columns.flatMap((name) => {
    const value = changed.get(name) ?? (request.missing === 'null' ? 'null' : undefined);
    return value === undefined ? [] : [[name, value] as const];
  });
  if (faults.length === 0 && set.length === 0) faults.push({ path: '$', message: 'has no column to change' });
  if (faults.length > 0) throw refuseRow(table.name, faults);
  const body = objectText([...members, ...set]);
  const values = parse(body) as Values;
  checkRow(table, values, null, { isNew: false }, faults);
  if (faults.length > 0) throw refuseRow(table.name, faults);
  return { row: { values, text: body }, columns: set.map(([name]) => name), body, parsed: values };
}

/** The changes give the key the value that it has. */
function keeps(changes: Values, key: Values, name: string): boolean {
  return changes[name] === undefined || textOf(changes[name]) === textOf(key[name]);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : jsonOf(value);
}

function assertKeyColumns(table: RowTable, key: Values): void {
  const faults: RowFault[] = [];
  for (const name of Object.keys(key)) {
    if (table.catalog.key.includes(name)) continue;
    faults.push({ path: 'key', message: `has a column that is not of the key: ${name}` });
  }
  for (const name of table.catalog.key) {
    if (key[name] === undefined) faults.push({ path: 'key', message: `has no value for the column ${name}` });
    else if (key[name] === null) faults.push({ path: 'key', message: `is null in the column ${name}` });
  }
  if (faults.length > 0) throw refuseRow(table.name, faults);
}

/** A value of the key as JSON; a `bigint` as a number. */
function jsonOf(value: unknown): string {
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}
