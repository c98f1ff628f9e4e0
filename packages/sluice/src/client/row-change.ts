/** An update or a delete: the row of its key and the changed columns, as JSON text with all digits of numbers. */
import { memberText } from '#protocol';
import { keyText, type RowRequest } from '#targets';
import { checkRow } from './check-row.ts';
import { parse } from './prepare-write.ts';
import { assertFaultless, columnPath, refuseRow, type RowFault } from './refuse-row.ts';
import {
  assertRows,
  givenColumns,
  membersOf,
  objectText,
  type GivenRows,
  type Member,
  type Values,
} from './row-body.ts';
import { exactOf } from './row-identity.ts';
import type { RowTable } from './row-table.ts';

/**
 * One row, with its key; `columns` are those that change.
 * @throws {SluiceError} `invalid_document` that names the columns, `invalid_json`
 */
export function readChange(request: RowRequest, table: RowTable): GivenRows {
  const { operation, key = {} } = request;
  assertKeyColumns(table, key);
  const members = table.key.map(({ name }): Member => [name, jsonOf(key[name])]);
  const changed = operation === 'delete' ? [] : changedOf(request, table, key);
  const body = objectText([...members, ...changed]);
  const values = parse(body) as Values;
  const faults: RowFault[] = [];
  checkRow(table, values, { place: null, isNew: false }, faults);
  assertFaultless(table.name, faults);
  const columns = changed.map(([name]) => name);
  return { rows: [{ values, text: body }], columns, body, isArray: false, parsed: values };
}

/** The columns that an update changes, without the key columns, which may only repeat the key. */
function changedOf(request: RowRequest, table: RowTable, key: Values): Member[] {
  const { body } = request;
  if (body === null)
    throw refuseRow(table.name, [{ path: '$', message: 'is missing: the columns to change' }]);
  const changes = request.parsed ?? parse(body);
  assertRows(table.name, [changes], false);
  const columns = givenColumns(request, table, [changes], false);
  const faults: RowFault[] = [];
  const others = columns.filter((name) => {
    if (!table.columns.get(name)!.isKey) return true;
    const value = exactOf((changes as Values)[name], () => memberText(body, name));
    const { baseType } = table.columns.get(name)!;
    if (value !== undefined && keyText(value, baseType) !== keyText(valueOf(key[name]), baseType))
      faults.push({
        path: columnPath(null, name),
        message: 'is part of the key, which an update cannot change',
        sqlState: '0A000',
      });
    return false;
  });
  const members = membersOf(body, others, request.missing === 'null');
  if (members.length === 0 && faults.length === 0)
    faults.push({ path: '$', message: 'has no column to change' });
  assertFaultless(table.name, faults);
  return members;
}

function assertKeyColumns(table: RowTable, key: Values): void {
  const faults: RowFault[] = [];
  const note = (message: string): void => void faults.push({ path: 'key', message });
  for (const name of Object.keys(key))
    if (table.columns.get(name)?.isKey !== true) note(`has a column that is not of the key: ${name}`);
  for (const { name } of table.key) {
    if (!Object.hasOwn(key, name) || key[name] === undefined) note(`has no value for the column ${name}`);
    else if (key[name] === null) note(`is null in the column ${name}`);
  }
  assertFaultless(table.name, faults);
}

/** A value of the key as JSON; a `bigint` as a number. */
function jsonOf(value: unknown): string {
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

/** A value of the key as JSON has it. */
function valueOf(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
