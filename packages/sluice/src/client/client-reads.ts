/** Reads that a client asks for: if one fails, that is the fault of the database, not the client's. */
import { SluiceError, type FailureLog } from '#protocol';
import { DatabaseError, type Database, type Row } from '#store';

/** Runs a named query. @throws {SluiceError} `database_unavailable`, `document_too_large` */
export type Run = (name: string, values: readonly unknown[]) => Promise<Row[]>;

export function clientReads(database: Database, failures: FailureLog): Run {
  return async (name, values) => {
    try {
      return await database.run(name, values);
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      // Longer than anything that PostgreSQL itself writes out.
      if (error.sqlState === '54000') throw new SluiceError('document_too_large');
      failures.note(error, name);
      throw new SluiceError('database_unavailable', undefined, { retryAfterSeconds: 1, cause: error });
    }
  };
}
