/** Which transactions hold the locks that writes of rows in the intake wait for. */
import type { WriteHeader } from '#protocol';
import type { RowForm } from '#targets';
import type { LentTransaction } from '../coordinator/lend-session.ts';
import { groupRows } from './group-rows.ts';
import { tableName } from './names.ts';
import { sendRows } from './run-rows.ts';
import type { RowStatement } from './statement-options.ts';
import type { Tables } from './tables.ts';

/** By the ids of the writes. A role that may read only some columns of a table finds none. */
export async function findLockers(
  look: LentTransaction,
  tables: Tables,
  writes: readonly WriteHeader[],
): Promise<Map<string, string>> {
  const lockers = new Map<string, string>();
  const statementOf = (table: string, form: RowForm): RowStatement =>
    tables.statementOf(table, form, { source: 'intake', mayWait: false }, 'locker');
  for (const { table, form, writes: asked } of groupRows(tables, writes, statementOf)) {
    const statement = statementOf(table, form);
    const read = [tables.catalogOf(table), ...statement.parents.map(({ catalog }) => catalog)];
    const [right] = await look.run('mayReadTables', [read.map(tableName)]);
    if (right?.['may'] !== true) continue;
    for (const { place, locker } of await sendRows(look, statement, asked, { bodies: null })) {
      const locked = statement.isSingle ? asked[0] : asked[(place as number) - 1];
      if (locked !== undefined && !lockers.has(locked.writeId)) lockers.set(locked.writeId, locker as string);
    }
  }
  return lockers;
}
