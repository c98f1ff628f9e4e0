/** What the preparation of rows needs of a table, computed once: checks of columns, and the tables of its foreign keys. */
import type { Column, TableCatalog, UniqueRule } from '#targets';
import { checkOf, type Check, type ValueFault } from './check-value.ts';

export interface RowTable {
  readonly catalog: TableCatalog;
  readonly name: string;
  readonly columns: ReadonlyMap<string, RowColumn>;
  /** In the order of {@link TableCatalog.key}. */
  readonly key: readonly RowColumn[];
  /** False: the key is WITHOUT OVERLAPS, an exclusion constraint, by which no upsert can meet rows. */
  readonly isKeyUnique: boolean;
  /** Columns that a new row must have. */
  readonly required: readonly string[];
  readonly parents: readonly RowParent[];
}

interface RowColumn {
  readonly name: string;
  /** In the order of the table. */
  readonly place: number;
  readonly baseType: string;
  readonly isKey: boolean;
  /** Why the column cannot be written; null: it can. */
  readonly refusal: ValueFault | null;
  /** Null is certainly refused. */
  readonly isRequired: boolean;
  /** Null: any value may be valid. */
  readonly check: Check | null;
}

/** A foreign key whose parent table is a target, and which names exactly that target's key. */
interface RowParent {
  readonly name: string;
  /** Columns of the referring table, in the order of the parent's key. */
  readonly columns: readonly string[];
  /** Base types of the parent's key, in the same order. */
  readonly baseTypes: readonly string[];
}

export function rowTableOf(catalog: TableCatalog, tables: readonly TableCatalog[]): RowTable {
  // A trigger, also one of a partition, may replace null by a value.
  const mayFill = catalog.triggers.length > 0 || catalog.isPartitioned;
  const columns = new Map(
    catalog.columns.map((column, place) => [
      column.name,
      columnOf(column, place, catalog.key.includes(column.name), mayFill),
    ]),
  );
  return {
    catalog,
    name: catalog.name,
    columns,
    key: catalog.key.map((name) => columns.get(name)!),
    isKeyUnique: uniqueRules(catalog).some((rule) => hasColumns(rule, catalog.key)),
    required: catalog.columns.flatMap(({ name, default: filled, identity }) =>
      columns.get(name)!.isRequired && filled === null && identity === null ? [name] : [],
    ),
    parents: parentsOf(catalog, tables),
  };
}

/** Those that an upsert can meet rows by. */
export function uniqueRules({ uniques }: TableCatalog): UniqueRule[] {
  return uniques.filter((rule) => rule.columns !== null && !rule.isPartial && !rule.isDeferrable);
}

/** Exactly these, in any order. */
export function hasColumns({ columns }: UniqueRule, names: readonly string[]): boolean {
  return columns?.length === names.length && names.every((name) => columns.includes(name));
}

function columnOf(column: Column, place: number, isKey: boolean, mayFill: boolean): RowColumn {
  const { name, baseType, isGenerated, isNullable, identity } = column;
  let refusal: ValueFault | null = null;
  const unwritable = (what: string): ValueFault => ({
    message: `${what}, which cannot be written`,
    sqlState: '428C9',
  });
  if (isGenerated) refusal = unwritable('is a generated column');
  if (identity === 'always') refusal = unwritable('is generated always as identity');
  const isRequired = !isNullable && !isGenerated && !mayFill;
  return { name, place, baseType, isKey, refusal, isRequired, check: checkOf(column) };
}

function parentsOf(catalog: TableCatalog, tables: readonly TableCatalog[]): RowParent[] {
  return catalog.foreignKeys.flatMap(({ table, columns, referencedColumns, hasPeriod }): RowParent[] => {
    const parent = tables.find(({ name }) => name === table);
    if (parent === undefined || parent.key.length !== referencedColumns.length || hasPeriod === true)
      return [];
    const places = parent.key.map((name) => referencedColumns.indexOf(name));
    if (places.includes(-1)) return [];
    const typeOf = (key: string): string => parent.columns.find(({ name }) => name === key)?.baseType ?? '';
    return [
      {
        name: parent.name,
        columns: places.map((place) => columns[place]!),
        baseTypes: parent.key.map(typeOf),
      },
    ];
  });
}
