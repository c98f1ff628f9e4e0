/** The rows of a request in the form of the intake: known columns, in JSON text with all digits of numbers. */
import { cutJson } from '#protocol';
import type { RowRequest } from '#targets';
import { checkRow, faultsMax } from './check-row.ts';
import { parse } from './prepare-write.ts';
import { assertFaultless, columnPath, refuseRow, type RowFault } from './refuse-row.ts';
import type { GivenRow } from './row-identity.ts';
import type { RowTable } from './row-table.ts';

/** Most rows of one write. */
const arrayRowsMax = 10_000;

export interface GivenRows {
  rows: readonly GivenRow[];
  /** In the order of the table. */
  columns: readonly string[];
  body: string;
  isArray: boolean;
  parsed: unknown;
}

export type Values = Record<string, unknown>;

/** Insert and upsert: one row, or an array of rows. */
export function readRows(request: RowRequest, table: RowTable): GivenRows {
  const { name } = table;
  const { body } = request;
  if (body === null) throw refuseRow(name, [{ path: '$', message: 'is missing' }]);
  const parsed = request.parsed ?? parse(body);
  const isArray = Array.isArray(parsed);
  const given = isArray ? (parsed as unknown[]) : [parsed];
  assertRows(name, given, isArray);
  const columns = givenColumns(request, table, given, isArray);
  const withNulls = request.missing === 'null';
  let read: GivenRows = { rows: asRows(given, body, isArray), columns, body, isArray, parsed };
  if (request.columns !== undefined || (isArray && withNulls)) {
    const texts = read.rows.map(({ text }) => objectText(membersOf(text, columns, withNulls)));
    const text = isArray ? `[${texts.join(',')}]` : texts[0]!;
    const rewritten = parse(text);
    const rows = asRows(isArray ? (rewritten as unknown[]) : [rewritten], text, isArray);
    read = { ...read, rows, body: text, parsed: rewritten };
  }
  const faults: RowFault[] = [];
  for (const [place, { values }] of read.rows.entries())
    checkRow(table, values, { place: isArray ? place : null, isNew: true }, faults);
  assertFaultless(name, faults);
  return read;
}

export function assertRows(name: string, given: readonly unknown[], isArray: boolean): void {
  if (given.length === 0) throw refuseRow(name, [{ path: '$', message: 'has no rows' }]);
  if (given.length > arrayRowsMax)
    throw refuseRow(name, [{ path: '$', message: `has more than ${arrayRowsMax} rows` }]);
  const wrong = given.findIndex((row) => typeof row !== 'object' || row === null || Array.isArray(row));
  if (wrong >= 0)
    throw refuseRow(name, [{ path: isArray ? `$[${wrong}]` : '$', message: 'must be an object of columns' }]);
}

/** The columns that the request names, or else those that its rows have, in the order of the table. */
export function givenColumns(
  { columns }: RowRequest,
  table: RowTable,
  given: readonly unknown[],
  isArray: boolean,
): string[] {
  if (columns?.length === 0) throw refuseRow(table.name, [{ path: 'columns', message: 'is empty' }]);
  // One row has each name once.
  const names =
    columns === undefined && !isArray
      ? Object.keys(given[0] as Values)
      : [...new Set(columns ?? given.flatMap((row) => Object.keys(row as Values)))];
  const unknown = names.filter((name) => !table.columns.has(name)).slice(0, faultsMax);
  const faultOf = (name: string): RowFault => {
    if (columns !== undefined) return { path: 'columns', message: `names no column of the table: ${name}` };
    const place = isArray ? given.findIndex((row) => Object.hasOwn(row as Values, name)) : null;
    return { path: columnPath(place, name), message: 'is no column of the table' };
  };
  assertFaultless(table.name, unknown.map(faultOf));
  return names.sort((one, other) => table.columns.get(one)!.place - table.columns.get(other)!.place);
}

/** Rows with their texts, which are cut out only when needed. */
function asRows(given: readonly unknown[], body: string, isArray: boolean): GivenRow[] {
  if (!isArray) return [{ values: given[0] as Values, text: body }];
  let texts: string[] | null = null;
  return given.map((values, place) => ({
    values: values as Values,
    get text() {
      texts ??= cutJson(body).map((row) => row.text);
      return texts[place]!;
    },
  }));
}

/** A member of an object: its name, and the text of its value. */
export type Member = readonly [name: string, text: string];

/** These members of an object, with null for missing ones if asked for. */
export function membersOf(text: string, names: readonly string[], withNulls: boolean): Member[] {
  const members = new Map(cutJson(text).map((piece) => [piece.name, piece.text]));
  return names.flatMap((name): Member[] => {
    const value = members.get(name) ?? (withNulls ? 'null' : undefined);
    return value === undefined ? [] : [[name, value]];
  });
}

export function objectText(members: readonly Member[]): string {
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}
