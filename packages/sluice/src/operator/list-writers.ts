/** Writers: which live, and how many lanes each leads. */
import type { Database } from '#store';
import type { WriterStatus } from './contract.ts';

/** Living writers first, then the most recent ones. */
export async function listWriters(database: Database, limit = 100): Promise<WriterStatus[]> {
  return (await database.run('listWriters', [limit])).map((row) => ({
    writerId: row['writer_id'] as string,
    state: row['state'] as WriterStatus['state'],
    host: row['host'] as string,
    processId: row['process_id'] as number,
    version: row['version'] as string,
    lanes: row['lanes'] as number,
    startedAt: row['started_at'] as string,
    seenAt: row['seen_at'] as string,
    stoppedAt: row['stopped_at'] as string | null,
  }));
}
