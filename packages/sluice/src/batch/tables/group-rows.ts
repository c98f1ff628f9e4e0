/** Groups writes of rows by table and form, because one statement settles them. */
import type { WriteHeader } from '#protocol';
import type { RowForm } from '#targets';
import type { RowStatement } from './statement-options.ts';
import type { Tables } from './tables.ts';

export interface RowGroup {
  table: string;
  form: RowForm;
  writes: WriteHeader[];
}

/**
 * In the order of the first write of each. A write whose statement takes one write, as for an array, is a group of its
 * own.
 */
export function groupRows(
  tables: Tables,
  writes: readonly WriteHeader[],
  statementOf: (table: string, form: RowForm) => RowStatement,
): RowGroup[] {
  const groups = new Map<string, RowGroup>();
  for (const write of writes) {
    // The key of a single write's group is its id, so no other write joins it.
    const key = `${write.resource} ${write.form}`;
    const group = groups.get(key);
    if (group !== undefined) {
      group.writes.push(write);
      continue;
    }
    const form = tables.formOf(write.form);
    const { isSingle } = statementOf(write.resource, form);
    groups.set(isSingle ? write.writeId : key, { table: write.resource, form, writes: [write] });
  }
  return [...groups.values()];
}
