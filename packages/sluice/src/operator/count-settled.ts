import type { Database } from '#store';

/** Number of writes settled since the server's counters began, at most a second old. Two readings give a rate. */
export async function countSettled(database: Database): Promise<number> {
  const [row] = await database.run('countSettled');
  return (row?.['settled'] as number | undefined) ?? 0;
}
