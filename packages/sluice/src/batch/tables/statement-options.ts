/** The purpose of a statement for rows, and its results. */
import type { Encoders } from '#store';
import type { Column, ForeignKey, RowForm, TableCatalog } from '#targets';

/**
 * `exists`: another row has the values of a unique rule; `parent`: a parent row is missing; `later`: an earlier body
 * of the statement names the same row and goes first; `repeated`: so does an earlier row of the same upsert; `locked`: another
 * transaction has locked the row; `absent`: no row has this key.
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

/** A foreign key to a table that is also a target. */
export interface Parent {
  foreignKey: ForeignKey;
  catalog: TableCatalog;
}

export type Purpose = 'settle' | 'strict' | 'conflict' | 'lock' | 'locker';

export interface StatementOptions {
  catalog: TableCatalog;
  form: RowForm;
  /** Foreign keys whose parents are read first. */
  parents: readonly Parent[];
  /** `intake`: $1 are ids of writes; `memory`: $1 are bodies. */
  source: 'intake' | 'memory';
  /** The schema of the deployment. */
  schema: string;
  /** The statement waits for rows that another transaction has locked. */
  mayWait: boolean;
  /**
   * `settle`: applies the writes. `strict`: inserts without ON CONFLICT, so a conflict is an error. `conflict`:
   * writes nothing, and returns the unique rule that each body violates. `lock`: writes nothing, and returns the
   * locked rows. `locker`: the transactions that have locked them.
   */
  purpose: Purpose;
  /** Version of the catalog: a statement that was prepared before a change of a table is not used after it. */
  version: string;
}

export interface RowStatement {
  /** Name under which a session prepares it; null: not prepared. */
  name: string | null;
  text: string;
  encoders: Encoders;
  /** Written rows cannot be matched to bodies by their keys, so the statement takes one write. */
  isSingle: boolean;
  /** The state of all writes if the statement returns no row; null: it returns a row for each. */
  plainState: RowState | null;
  /** In the order of the column `missing` of its rows. */
  parents: readonly Parent[];
  /** $2 are the places of writes whose parents this batch may bring later, by foreign keys that are checked at the COMMIT. */
  hasDeferred: boolean;
}

/** Types whose equal values are one value: `1.0` and `1.00` of a numeric without a scale are two. */
const exactTypes =
  /^(smallint|integer|bigint|numeric\(\d+,\d+\)|boolean|uuid|bytea|text|character( varying)?\(\d+\)|character varying|date|timestamp(\(\d\))? with(out)? time zone)$/;

function isExact({ type, labels, collation }: Column): boolean {
  return (labels !== null || exactTypes.test(type)) && collation?.isDeterministic !== false;
}

/**
 * Whether several upserts of one row may become one write of the last values. Then no one of them may be refused
 * alone, except for a null, and no trigger may need to see each. The types of all values are still checked. The key
 * keeps the spelling of the first, so it must have only one.
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
    catalog.columns.every((column) =>
      catalog.key.includes(column.name)
        ? isExact(column)
        : column.mayBeTooLong !== true || !form.columns.includes(column.name),
    ) &&
    !catalog.foreignKeys.some(({ columns }) => has(columns)) &&
    catalog.uniques.every(({ columns }) => columns !== null && (isKey(columns) || !has(columns)))
  );
}
