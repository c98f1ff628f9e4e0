/** Refusals of a row by the node, before the database has seen it, with the SQLSTATE that the database would give. */
import { SluiceError } from 'sluice/internal/protocol';
import type { TableCatalog } from 'sluice/internal/targets';
import { sentenceOf, statusOf } from './refusal.ts';
import { RestError, unknownColumn } from './rest-error.ts';

interface Fault {
  path: string;
  message: string;
}

/** Returns any other error unchanged. */
export function doorRefusal(error: unknown, table: TableCatalog): unknown {
  if (!(error instanceof SluiceError) || error.code !== 'invalid_document') return error;
  const { sqlState = '22P02', errors: faults = [] } = (error.detail ?? {}) as {
    sqlState?: string;
    errors?: Fault[];
  };
  const [first] = faults;
  if (first === undefined) return error;
  const column = columnOf(first.path);
  if (column !== null && !table.columns.some(({ name }) => name === column))
    return unknownColumn(column, table.table);
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
