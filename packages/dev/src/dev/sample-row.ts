/** A valid row for a table, for the first screen of `sluice dev --table`: only the columns that the catalog requires. */
import { randomUUID } from 'node:crypto';
import type { Column, TableCatalog } from 'sluice/internal/targets';

/**
 * Values of the columns that have no default and may not be null.
 * @param ofParent A value for a foreign key, from an existing row; undefined: the referenced table is empty.
 */
export async function sampleRow(
  table: TableCatalog,
  ofParent: (parent: string, column: string) => Promise<unknown>,
): Promise<Record<string, unknown>> {
  const row: Record<string, unknown> = {};
  const unique = new Set(table.uniques.flatMap(({ columns }) => columns ?? []));
  for (const column of table.columns) {
    const { name, isNullable, isGenerated, identity } = column;
    if (isNullable || isGenerated || identity !== null || column.default !== null) continue;
    const key = table.foreignKeys.find(({ columns }) => columns.includes(name));
    const parent = key && (await ofParent(key.table, key.referencedColumns[key.columns.indexOf(name)]!));
    row[name] = parent ?? valueOf(column, unique.has(name));
  }
  return row;
}

/** @param isOther A different value each time, because the column has a unique rule. */
function valueOf({ baseType, category, labels, maxLength }: Column, isOther: boolean): unknown {
  const second = Math.floor(Date.now() / 1000);
  if (labels !== null) return labels[0];
  if (category === 'A') return [];
  if (baseType === 'int2') return isOther ? second % 32_768 : 1;
  if (category === 'N') return isOther ? second : 1;
  if (category === 'S') return (isOther ? `sample-${second}` : 'sample').slice(-(maxLength ?? 20));
  return others[baseType]?.() ?? null;
}

const others: Readonly<Record<string, () => unknown>> = {
  bool: () => false,
  uuid: () => randomUUID(),
  json: () => ({}),
  jsonb: () => ({}),
  date: () => new Date().toISOString().slice(0, 10),
  timestamp: () => new Date().toISOString(),
  timestamptz: () => new Date().toISOString(),
  time: () => '12:00',
  timetz: () => '12:00Z',
  interval: () => '1 day',
  bytea: () => String.raw`\x00`,
  inet: () => '127.0.0.1',
  cidr: () => '127.0.0.0/8',
};
