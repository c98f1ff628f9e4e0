import { Database } from '@sluice/store';
import { requireDatabaseUrl } from '../config/database-url.ts';

/** Lends a connection to the database of a command, and closes it. */
export async function withDatabase<T>(
  url: string | undefined,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = new Database({
    url: requireDatabaseUrl(url),
    applicationName: 'sluice operator',
    connectionsMax: 1,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
