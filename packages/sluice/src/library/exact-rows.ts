/** Rows of an outcome as objects. Texts of PostgreSQL become values, and no number loses a digit. */
import { parseExact } from '#protocol';
import type { TableCatalog } from '#targets';

/** Longer values of `bigint` and `numeric` are strings, also if a JavaScript number could hold them. */
const lengthMax = 15;

/** Null: the outcome has no rows. @param catalog Null: the table is unknown. */
export function exactRows(
  texts: readonly string[] | undefined,
  catalog: Pick<TableCatalog, 'columns'> | null | undefined,
): object[] | null {
  if (texts === undefined) return null;
  const large = (catalog?.columns ?? []).filter(
    ({ baseType }) => baseType === 'int8' || baseType === 'numeric',
  );
  return texts.map((text) => {
    const row = parseExact(text) as Record<string, unknown>;
    for (const { name } of large) {
      const value = String(row[name]);
      if (typeof row[name] === 'number' && value.length > lengthMax) row[name] = value;
    }
    return row;
  });
}
