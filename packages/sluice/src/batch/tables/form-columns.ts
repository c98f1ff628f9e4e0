/** The columns of a table that the statement for a form reads, fills and compares. */
import type { Column } from '#targets';
import { columnOf, defaultOf, hasConstantDefault } from './names.ts';
import type { Parent, StatementOptions } from './statement-options.ts';

export interface FormColumns {
  /** Columns that are read from the body. */
  read: readonly Column[];
  /** Columns of the key, and of foreign keys of new rows, whose values the database gives. */
  filled: readonly Column[];
  /** Columns that identify a written row. */
  matched: readonly Column[];
  /** Foreign keys whose values the statement knows. */
  parents: readonly Parent[];
}

export function formColumns({
  catalog,
  form,
  parents,
}: Pick<StatementOptions, 'catalog' | 'form' | 'parents'>): FormColumns {
  const isInsert = form.operation === 'insert' || form.operation === 'upsert';
  const names = new Set(isInsert ? form.columns : [...catalog.key, ...form.columns]);
  const read = catalog.columns.filter(({ name }) => names.has(name));
  // A default may refer to a row, too, but nobody brings that row if the default gives another value each time. A row that
  // already exists keeps its value.
  const isNew = form.operation === 'insert' || form.ignoresExisting;
  const hasValue = (name: string): boolean => names.has(name) || hasConstantDefault(columnOf(catalog, name));
  const keys = parents.map(({ foreignKey }) => foreignKey.columns);
  const referring = new Set(isNew ? keys.filter((columns) => columns.every(hasValue)).flat() : []);
  const given = catalog.columns.filter(
    (column) =>
      !names.has(column.name) &&
      (catalog.key.includes(column.name) ? defaultOf(catalog, column) !== null : referring.has(column.name)),
  );
  // A row without columns is still a row: one column gets its default.
  const any = catalog.columns.filter((column) => !column.isGenerated).slice(0, 1);
  const filled = !isInsert ? [] : given.length + read.length === 0 ? any : given;
  const known = [...read, ...filled];
  const matched = form.onConflict ?? catalog.key;
  // An update that changes a part of a foreign key may have the other part in its key.
  const valued = new Set(isNew || !isInsert ? known.map(({ name }) => name) : form.columns);
  const isKnown = ({ foreignKey: { columns } }: Parent): boolean =>
    columns.every((name) => valued.has(name) && (!isInsert || hasValue(name))) &&
    (isNew || columns.some((name) => form.columns.includes(name)));
  return {
    read,
    filled,
    matched: known.filter(({ name }) => matched.includes(name)),
    parents: parents.filter(isKnown),
  };
}
