import type { Database } from '#store';

/** The time by the database's clock, in ISO 8601: ages are told by it, never by the clock of the process that asks. */
export async function readClock(database: Database): Promise<string> {
  const [row] = await database.run('readClock');
  return String(row?.['now']);
}
