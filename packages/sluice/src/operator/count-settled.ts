import type { Database } from '#store';

/** Writes settled since the server's counters began, up to a second late: two looks tell a rate. */
export async function countSettled(database: Database): Promise<number> {
  const [row] = await database.run('countSettled');
  return (row?.['settled'] as number | undefined) ?? 0;
}
