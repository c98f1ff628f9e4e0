import type { Database } from '#store';

/** The time by the database's clock, in ISO 8601. Ages are computed from it, never from the clock of the calling process. */
export async function readClock(database: Database): Promise<string> {
  const [row] = await database.run('readClock');
  return String(row?.['now']);
}
