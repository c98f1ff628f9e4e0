import { Database, requireSchemaVersion } from 'sluice/internal/store';
import { requireDatabase, type DatabaseValues } from '../config/database-url.ts';

export interface Lending {
  /** Names the sessions in `pg_stat_activity`. @default 'sluice operator' */
  applicationName?: string;
  /** For a command that reports the version of the schema itself. @default false */
  takesAnyVersion?: boolean;
}

/**
 * Lends a connection to the database of a command, and closes it.
 * @throws {SluiceError} `schema_outdated` if the schema has another version than this program
 */
export async function withDatabase<T>(
  values: DatabaseValues,
  work: (database: Database) => Promise<T>,
  { applicationName = 'sluice operator', takesAnyVersion = false }: Lending = {},
): Promise<T> {
  const database = new Database({
    ...requireDatabase(values),
    applicationName,
    connectionsMax: 1,
    looksForPooler: true,
  });
  try {
    if (!takesAnyVersion) await requireSchemaVersion(database);
    return await work(database);
  } finally {
    await database.close();
  }
}
