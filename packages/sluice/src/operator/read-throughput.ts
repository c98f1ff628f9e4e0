/** How much is settled: in each of the last ten minutes (writes that had waited for over twenty are not counted), and in all. */
import type { Database } from '#store';
import type { ThroughputMinute } from './contract.ts';

export async function readThroughput(database: Database): Promise<ThroughputMinute[]> {
  return (await database.run('measureThroughput')).map((row) => ({
    minute: row['minute'] as string,
    writes: row['writes'] as number,
    batches: row['batches'] as number,
    applied: row['applied'] as number,
    refused: row['refused'] as number,
    notApplied: row['not_applied'] as number,
  }));
}

/** Writes settled since the server's counters began, up to a second late: two looks tell a rate. */
export async function countSettled(database: Database): Promise<number> {
  const [row] = await database.run('countSettled');
  return (row?.['settled'] as number | undefined) ?? 0;
}
