import { Database } from 'sluice/internal/store';
import { requireDatabase, type DatabaseValues } from '../config/database-url.ts';

/** Lends a connection to the database of a command, and closes it. */
export async function withDatabase<T>(
  values: DatabaseValues,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = new Database({
    ...requireDatabase(values),
    applicationName: 'sluice operator',
    connectionsMax: 1,
    looksForPooler: true,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
