/** Maps an error of PostgreSQL, of a write that was tried alone, to an answer, a dead letter, or a new read of the catalog. */
import { DatabaseError } from '#store';
import type { RowForm, TableCatalog } from '#targets';
import { TargetError, type Refusal, type RefusalLook } from '../coordinator/fault.ts';

/** The subject of a statement. */
export interface RowWork {
  catalog: TableCatalog;
  form: RowForm;
}

/** The refusal, if the table does not take the write or may not take it; null: PostgreSQL has not reported the error. */
export function refusalOf(error: DatabaseError, work: RowWork): Refusal | null {
  const { sqlState, constraint, column, table, raised } = error;
  if (sqlState === null) return null;
  if (raised !== null)
    return { code: 'row_invalid', detail: { database: { sqlState, constraint, column }, raised } };
  // A column of the write is missing; PostgreSQL gives no column name with any such error.
  const code = sqlState === '42703' && column !== null ? 'row_invalid' : codeOf(sqlState, constraint, work);
  const named = table === null || table === work.catalog.table ? {} : { table };
  const database = { sqlState, constraint, column, ...named };
  // Some types report a wrong value like an error of a statement, or as an internal error: `tsvector`, `regclass`, PostGIS.
  if (code === null)
    return {
      code: 'row_invalid',
      needsProof: true,
      complete: async (look) => {
        const wrong = await findWrongColumn(work, look);
        return wrong === null ? null : { database: { ...database, column: wrong } };
      },
    };
  // Of a constraint without a table, which is one of a domain, it names no column either.
  const isOfValue = sqlState.startsWith('22') || (sqlState.startsWith('235') && table === null);
  if (column !== null || !isOfValue) return { code, detail: { database } };
  return {
    code,
    detail: { database },
    complete: async (look) => ({ database: { ...database, column: await findWrongColumn(work, look) } }),
  };
}

/** PostgreSQL names the column of no value that is not of its type, so each is tried alone. Null: all of them are. */
async function findWrongColumn(
  { catalog, form }: RowWork,
  { run, writeId, body }: RefusalLook,
): Promise<string | null> {
  const isNew = form.operation === 'insert' || form.operation === 'upsert';
  const read = new Set(isNew ? form.columns : [...catalog.key, ...form.columns]);
  const columns = catalog.columns.filter(({ name }) => read.has(name));
  const names = columns.map(({ name }) => name);
  const types = columns.map(({ type }) => type);
  const [row] = await run('findWrongColumn', [writeId, names, types, body]);
  return (row?.['name'] as string | null | undefined) ?? null;
}

function codeOf(
  sqlState: string,
  constraint: string | null,
  { catalog, form: { operation } }: RowWork,
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

/** A value for an identity or generated column; no unique constraint for an upsert; two equal rows in one array; nesting beyond a limit. */
const invalid = new Set(['428C9', '42P10', '21000', '54001', '54000']);

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
