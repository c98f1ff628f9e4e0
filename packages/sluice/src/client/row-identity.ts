/** The identity keys of a row and of the rows that it refers to, from the texts of its values. */
import { memberText, plainNumber } from '#protocol';
import { isInteger, keyText, rowKey } from '#targets';
import type { RowTable } from './row-table.ts';

/** One row of a request: parsed values, and their texts. */
export interface GivenRow {
  readonly values: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** The identity key of a row; null: the database gives it its key. */
export function identityOf(
  table: RowTable,
  row: GivenRow,
  onConflict: readonly string[] | null,
): string | null {
  const texts = textsOf(row, table.catalog.key, (place) => table.key[place]!.baseType);
  if (texts !== null) return rowKey(table.name, texts);
  if (onConflict === null) return null;
  // The database gives the key, so the values of the upsert's constraint decide the order.
  const met = textsOf(row, onConflict, (place) => table.columns.get(onConflict[place]!)!.baseType);
  return met === null ? null : rowKey(`${table.name} (${onConflict.join(', ')})`, met);
}

/** The identity keys of the parents of all rows, without the rows themselves. */
export function parentsOf(table: RowTable, rows: readonly GivenRow[]): string[] {
  if (table.parents.length === 0) return [];
  const parents = new Set<string>();
  for (const row of rows) {
    for (const { name, columns, baseTypes } of table.parents) {
      const texts = textsOf(row, columns, (place) => baseTypes[place]!);
      if (texts !== null) parents.add(rowKey(name, texts));
    }
  }
  if (parents.size > 0) {
    for (const row of rows) {
      const own = identityOf(table, row, null);
      if (own !== null) parents.delete(own);
    }
  }
  return [...parents];
}

/** Null: a value is missing or null, or is an object or an array. */
function textsOf(
  { values, text }: GivenRow,
  columns: readonly string[],
  baseTypeOf: (place: number) => string,
): string[] | null {
  const texts: string[] = [];
  for (const [place, column] of columns.entries()) {
    // Each object inherits members, such as `constructor`.
    const value = Object.hasOwn(values, column) ? values[column] : undefined;
    if (value === undefined || value === null || typeof value === 'object') return null;
    const baseType = baseTypeOf(place);
    // The text of an integer is read only if JavaScript has rounded it.
    const isWhole = typeof value === 'number' && isInteger(baseType) && Number.isSafeInteger(value);
    const isPlain = isWhole && !Object.is(value, -0);
    const exact = isPlain ? value : exactOf(value, () => memberText(text, column));
    texts.push(isPlain ? String(value) : keyText(exact, baseType));
  }
  return texts;
}

/** A number as the text that PostgreSQL writes for it, because `1.0` and `1` are one number to JavaScript; other values unchanged. */
export function exactOf(value: unknown, source: () => string | undefined): unknown {
  return typeof value === 'number' ? plainNumber(source() ?? JSON.stringify(value)) : value;
}
