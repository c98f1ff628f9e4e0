/** What the table certainly refuses of a row, found before the intake. What only the database can know is its own to refuse. */
import { columnPath, type RowFault } from './refuse-row.ts';
import type { RowTable } from './row-table.ts';

export interface CheckOptions {
  /** The row is inserted: columns that it leaves out get their default. */
  isNew: boolean;
}

/** @param place Of the row in its array; null: it is alone. */
export function checkRow(
  table: RowTable,
  values: Readonly<Record<string, unknown>>,
  place: number | null,
  _options: CheckOptions,
  faults: RowFault[],
): void {
  for (const name of Object.keys(values)) {
    const column = table.columns.get(name)!;
    if (column.isGenerated)
      faults.push({
        path: columnPath(place, name),
        message: 'is a generated column, which cannot be written',
      });
  }
}
