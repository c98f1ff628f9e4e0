/** Maps an error of PostgreSQL, of a write that was tried alone, to an answer, a dead letter, or a new read of the catalog. */
import { DatabaseError } from '#store';
import type { RowOperation } from '#protocol';
import type { TableCatalog } from '#targets';
import { TargetError, type Refusal } from '../coordinator/fault.ts';

/** The subject of a statement. */
export interface RowWork {
  catalog: Pick<TableCatalog, 'name' | 'foreignKeys'>;
  operation: RowOperation;
}

/** The refusal, if the table does not take the write; null: it is another error. */
export function refusalOf(error: DatabaseError, work: RowWork): Refusal | null {
  const { sqlState, constraint, column } = error;
  if (sqlState === null) return null;
  // A column of the write is missing; PostgreSQL gives no column name with any such error.
  const code = sqlState === '42703' && column !== null ? 'row_invalid' : codeOf(sqlState, constraint, work);
  return code === null ? null : { code, detail: { database: { sqlState, constraint, column } } };
}

function codeOf(
  sqlState: string,
  constraint: string | null,
  { catalog, operation }: RowWork,
): Refusal['code'] | null {
  if (sqlState === '23505' || sqlState === '23P01') return 'row_exists';
  if (sqlState === '23001') return 'row_referenced';
  // The foreign key is one of this table; otherwise it belongs to a table that refers to it.
  const isOwn = operation !== 'delete' && catalog.foreignKeys.some(({ name }) => name === constraint);
  if (sqlState === '23503') return isOwn ? 'unresolved_reference' : 'row_referenced';
  // Errors of values, constraints, triggers, check options of views, and columns that only the database writes.
  const isInvalid = /^(22|23|P0|44)/.test(sqlState) || invalid.has(sqlState);
  return isInvalid ? 'row_invalid' : null;
}

/** A value for an identity or generated column; two equal rows in one array; nesting beyond a limit. */
const invalid = new Set(['428C9', '21000', '54001', '54000']);

/**
 * The table, or something that it needs, may have changed since the statement was made.
 * @param isAlone The write would be refused for this error, so its values may be right for a column whose type has
 *   changed.
 */
export function isStaleCatalog({ sqlState }: DatabaseError, isAlone: boolean): boolean {
  if (sqlState === null) return false;
  return stale.has(sqlState) || (isAlone && (sqlState.startsWith('22') || sqlState === '428C9'));
}

/**
 * A plan whose result has changed; a missing column, table, function, type or constraint; a type that does not fit; a
 * missing schema; a missing cached object of the server.
 */
const stale = new Set([
  '0A000',
  '42703',
  '42P01',
  '42883',
  '42704',
  '42P10',
  '42804',
  '42846',
  '42P18',
  '3F000',
  '26000',
  'XX000',
]);

/** The error of the batch. */
export function faultOf(cause: unknown, work: RowWork): Error {
  const table = work.catalog.name;
  if (!(cause instanceof DatabaseError))
    return cause instanceof TargetError ? cause : new TargetError(`table ${table}`, cause);
  // Errors of rights and of missing tables have no table name.
  const { sqlState, constraint, column } = cause;
  const named = new DatabaseError({
    sqlState,
    constraint,
    column,
    table: cause.table ?? table,
    message: cause.message,
  });
  return new TargetError(`table ${table}`, named, refusalOf(cause, work));
}
