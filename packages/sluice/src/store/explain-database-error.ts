/** The message for a person if the database cannot be used: one sentence with what to do, and nothing of any row. */
import { SluiceError } from '#protocol';
import { DatabaseError } from './database-error.ts';
import { reasonOf } from './ability.ts';

const loginRefusals = new Set(['28P01', '28000', '3D000']);

/** An error of the database as a sentence that says what to do. */
export function explained<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw error instanceof DatabaseError ? explainDatabaseError(error) : error;
  });
}

export function explainDatabaseError(error: DatabaseError): SluiceError {
  if (error.isOtherSchema) {
    return new SluiceError(
      'schema_outdated',
      'Cannot read the database because it has no Sluice schema of this version: run `sluice migrate`',
    );
  }
  if (error.constraint === 'store_has_moved') {
    return new SluiceError(
      'database_unavailable',
      'Cannot change the store here because a move has closed it: repeat the command after the move, with the stores file that the move has changed',
    );
  }
  if (error.sqlState === '42501') {
    return new SluiceError(
      'configuration_invalid',
      'Cannot use the database because this role lacks a right: use the role of this process, and run `sluice roles` after an upgrade',
    );
  }
  if (error.sqlState === '25006') {
    return new SluiceError(
      'database_unavailable',
      'Cannot write to the database because it is read-only: it is a standby, or default_transaction_read_only is on',
    );
  }
  if (loginRefusals.has(error.sqlState ?? '')) {
    return new SluiceError(
      'database_unavailable',
      `Cannot use the database because ${reasonOf(error)}: check its URL`,
    );
  }
  if (error.sqlState !== null && (error.isConnectionLoss || error.isServerTrouble)) {
    return new SluiceError('database_unavailable', `Cannot use the database: ${reasonOf(error)}`);
  }
  if (error.isConnectionLoss) {
    return new SluiceError('database_unavailable', `Cannot reach PostgreSQL: the ${error.message}`);
  }
  return new SluiceError(
    'database_unavailable',
    `Cannot use the database because PostgreSQL refuses the statement: ${error.message}`,
  );
}
