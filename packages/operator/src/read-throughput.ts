/** What was settled in each of the last ten minutes. Writes that had waited for over twenty are not counted. */
import type { Database } from '@sluice/store';
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
