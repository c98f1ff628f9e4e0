/** Reads for clients: a failure is an error of the database, not of the client. */
import { SluiceError, type FailureLog } from '#protocol';
import { DatabaseError, type Database, type Row } from '#store';

/** Runs a named query. @throws {SluiceError} `database_unavailable`, `document_too_large`, `stopping` */
export type Run = (name: string, values: readonly unknown[]) => Promise<Row[]>;

export function clientReads(database: Database, failures: FailureLog): Run {
  return async (name, values) => {
    try {
      return await database.run(name, values);
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      if (database.isClosed) throw new SluiceError('stopping', undefined, { cause: error });
      // The document is longer than PostgreSQL can write out.
      if (error.sqlState === '54000') throw new SluiceError('document_too_large');
      failures.note(error, name);
      throw new SluiceError('database_unavailable', undefined, { retryAfterSeconds: 1, cause: error });
    }
  };
}
