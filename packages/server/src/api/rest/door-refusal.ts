/** Refusals of a row by the node, before the database has seen it, with the SQLSTATE that the database would give. */
import { SluiceError } from 'sluice/internal/protocol';
import type { TableCatalog } from 'sluice/internal/targets';
import { sentenceOf, statusOf } from './refusal.ts';
import { RestError, unknownColumn } from './rest-error.ts';

interface Fault {
  path: string;
  message: string;
}

/** By the sentence of the fault; any other fault is an invalid text for the type. */
const states: readonly (readonly [RegExp, string])[] = [
  [/^must not be null|^is missing, and has no default/, '23502'],
  [/generated/, '428C9'],
  [/out of the range|does not fit into/, '22003'],
  [/^is longer than/, '22001'],
  [/^names no unique constraint/, '42P10'],
  [/^is part of the key/, '0A000'],
  [/PostgreSQL cannot store/, '22P05'],
];

/** Returns any other error unchanged. */
export function doorRefusal(error: unknown, table: TableCatalog): unknown {
  if (!(error instanceof SluiceError) || error.code !== 'invalid_document') return error;
  const faults = (error.detail?.['errors'] ?? []) as Fault[];
  const [first] = faults;
  if (first === undefined) return error;
  const column = columnOf(first.path);
  if (column !== null && !table.columns.some(({ name }) => name === column))
    return unknownColumn(column, table.table);
  const sqlState = states.find(([form]) => form.test(first.message))?.[1] ?? '22P02';
  const said = column === null ? null : sentenceOf(sqlState, table.table, null, column);
  return new RestError('invalid_document', {
    code: sqlState,
    status: statusOf(sqlState),
    message: said ?? error.message,
    details: faults.map(({ path, message }) => `${path} ${message}`).join('; '),
  });
}

/** The column of `$.name`, `$[3].name`, `$["a name"]`; null: the path names none. */
function columnOf(path: string): string | null {
  const [, plain, quoted] = /^\$(?:\[\d+\])?(?:\.([\w$-]+)|\[(".*")\])$/.exec(path) ?? [];
  return plain ?? (quoted === undefined ? null : (JSON.parse(quoted) as string));
}
