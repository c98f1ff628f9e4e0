/** Sessions that share the lanes: how many lanes each leads, and why so many sessions lead. */
import type { Database } from '#store';
import type { SessionStatus } from './contract.ts';

/** Leading sessions come first. */
export async function listSessions(database: Database): Promise<SessionStatus[]> {
  return (await database.run('listSessions')).map((row) => ({
    pid: row['pid'] as number | null,
    writer:
      row['host'] === null
        ? null
        : {
            writerId: row['writer_id'] as string,
            host: row['host'] as string,
            processId: row['process_id'] as number,
          },
    lanes: row['lanes'] as number,
    wantedSessions: row['wanted_sessions'] as number | null,
    load: row['load'] as SessionStatus['load'],
    busyPercent: row['busy_percent'] as number | null,
  }));
}
