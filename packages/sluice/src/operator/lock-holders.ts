/** Finds the sessions that hold locks on rows that writes wait for, as far as the rows show. */
import type { Database } from '#store';
import type { LockHolder } from './contract.ts';

export async function readLockHolders(
  database: Database,
  writes: readonly { writeId: string }[],
): Promise<Map<string, LockHolder[]>> {
  const holders = new Map<string, LockHolder[]>();
  if (writes.length === 0) return holders;
  for (const row of await database.run('findLockHolders', [writes.map(({ writeId }) => writeId)])) {
    const writeId = row['write_id'] as string;
    const holder = {
      pid: row['pid'] as number,
      application: row['application_name'] as string,
      since: row['since'] as string | null,
    };
    holders.set(writeId, [...(holders.get(writeId) ?? []), holder]);
  }
  return holders;
}
