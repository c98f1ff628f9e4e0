/** What a statement for rows is made for, and what it tells. */
import type { ForeignKey, RowForm, TableCatalog } from '#targets';

/**
 * `exists`: another row has the values of a unique rule; `parent`: a row that it refers to is not there; `later`: another body
 * of the statement names the same row, and goes first; `repeated`: another row of the same upsert does; `locked`: another transaction has locked the row; `absent`: there is no
 * row of this key.
 */
export type RowState =
  | 'created'
  | 'updated'
  | 'unchanged'
  | 'deleted'
  | 'exists'
  | 'repeated'
  | 'parent'
  | 'later'
  | 'locked'
  | 'absent';

/** A foreign key to a table that is a target, too. */
export interface Parent {
  foreignKey: ForeignKey;
  catalog: TableCatalog;
}

export type Purpose = 'settle' | 'strict' | 'conflict' | 'lock' | 'locker';

export interface StatementOptions {
  catalog: TableCatalog;
  form: RowForm;
  /** Foreign keys whose rows are looked for first. */
  parents: readonly Parent[];
  /** `intake`: $1 are ids of writes; `memory`: $1 are bodies. */
  source: 'intake' | 'memory';
  /** The schema of the deployment. */
  schema: string;
  /** Rows that another transaction has locked are waited for. */
  mayWait: boolean;
  /**
   * `settle`: the writes. Of inserts: `strict`: without looking away from a conflict, which is an error then; `conflict`: nothing is
   * written, it says which unique rule each body meets. `lock`: nothing is written, it says whose rows are locked; `locker`: by which
   * transactions.
   */
  purpose: Purpose;
  /** Of the catalog: a statement that was prepared before a change of a table is not used after it. */
  version: string;
}

export interface RowStatement {
  /** Under which a session prepares it; null: it does not. */
  name: string | null;
  text: string;
  /** What the bodies become cannot be told from each other by their keys: the statement takes one write. */
  isSingle: boolean;
  /** In the order of the column `missing` of its rows. */
  parents: readonly Parent[];
  /** $2 are the places of writes that may refer to what this batch brings later: by foreign keys that are checked at its end. */
  hasDeferred: boolean;
}

/**
 * Whether upserts of one row may become one write of it, of the last values: then none of them alone may be refused, and nothing
 * may see each of them. Types are looked at for all of them.
 */
export function isFoldable(catalog: TableCatalog, form: RowForm): boolean {
  const has = (columns: readonly string[]): boolean => columns.some((name) => form.columns.includes(name));
  const isKey = (columns: readonly string[]): boolean => columns.every((name) => catalog.key.includes(name));
  return (
    form.operation === 'upsert' &&
    !form.isArray &&
    !form.ignoresExisting &&
    !form.isReturning &&
    form.onConflict === null &&
    catalog.isPlain === true &&
    catalog.key.every((name) => form.columns.includes(name)) &&
    !catalog.foreignKeys.some(({ columns }) => has(columns)) &&
    catalog.uniques.every(({ columns }) => columns !== null && (isKey(columns) || !has(columns)))
  );
}
