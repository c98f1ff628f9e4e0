/** Which transactions hold the locks that writes of rows in the intake wait for. */
import type { WriteHeader } from '#protocol';
import type { LentTransaction } from '../coordinator/lend-session.ts';
import { tableName } from './names.ts';
import { sendRows } from './run-rows.ts';
import type { Tables } from './tables.ts';

/** By the ids of the writes. A role that may read only some columns of a table finds none. */
export async function findLockers(
  look: LentTransaction,
  tables: Tables,
  writes: readonly WriteHeader[],
): Promise<Map<string, string>> {
  const lockers = new Map<string, string>();
  for (const group of groupsOf(writes)) {
    const [{ resource, form }] = group as [WriteHeader];
    const source = { source: 'intake', mayWait: false } as const;
    const statement = tables.statementOf(resource, tables.formOf(form), source, 'locker');
    const read = [tables.catalogOf(resource), ...statement.parents.map(({ catalog }) => catalog)];
    const [right] = await look.run('mayReadTables', [read.map(tableName)]);
    if (right?.['may'] !== true) continue;
    for (const write of statement.isSingle ? group : [null]) {
      const asked = write === null ? group : [write];
      for (const { place, locker } of await sendRows(look, statement, asked, { bodies: null })) {
        const locked = write ?? asked[(place as number) - 1];
        if (locked !== undefined && !lockers.has(locked.writeId))
          lockers.set(locked.writeId, locker as string);
      }
    }
  }
  return lockers;
}

/** By table and form. */
function groupsOf(writes: readonly WriteHeader[]): WriteHeader[][] {
  const groups = new Map<string, WriteHeader[]>();
  for (const write of writes) {
    const key = `${write.resource} ${write.form}`;
    groups.set(key, [...(groups.get(key) ?? []), write]);
  }
  return [...groups.values()];
}
