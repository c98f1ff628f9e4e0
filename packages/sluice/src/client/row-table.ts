/** A table as its rows are prepared: columns by name, and the tables that its foreign keys name, looked up once. */
import type { Column, TableCatalog } from '#targets';

export interface RowTable {
  readonly catalog: TableCatalog;
  readonly name: string;
  readonly columns: ReadonlyMap<string, Column>;
  /** In the order of the table. */
  readonly places: ReadonlyMap<string, number>;
  readonly key: readonly Column[];
  readonly parents: readonly RowParent[];
}

/** A foreign key whose parent is a target, and which names exactly that target's key. */
export interface RowParent {
  readonly name: string;
  /** Columns of the referring table, in the order of the parent's key. */
  readonly columns: readonly string[];
  /** Base types of the parent's key, in the same order. */
  readonly baseTypes: readonly string[];
}

export function rowTableOf(catalog: TableCatalog, tables: readonly TableCatalog[]): RowTable {
  const columns = new Map(catalog.columns.map((column) => [column.name, column]));
  return {
    catalog,
    name: catalog.name,
    columns,
    places: new Map(catalog.columns.map((column, place) => [column.name, place])),
    key: catalog.key.map((name) => columns.get(name)!),
    parents: catalog.foreignKeys.flatMap((foreignKey): RowParent[] => {
      const parent = tables.find(({ name }) => name === foreignKey.table);
      if (parent === undefined || parent.key.length !== foreignKey.referencedColumns.length) return [];
      const places = parent.key.map((name) => foreignKey.referencedColumns.indexOf(name));
      if (places.includes(-1)) return [];
      const baseTypeOf = (key: string): string =>
        parent.columns.find(({ name }) => name === key)?.baseType ?? '';
      return [
        {
          name: parent.name,
          columns: places.map((place) => foreignKey.columns[place]!),
          baseTypes: parent.key.map(baseTypeOf),
        },
      ];
    }),
  };
}
