/** The message for an operator if the database cannot be read: codes and names of Sluice, and nothing of any row. */
import { SluiceError } from 'sluice/internal/protocol';
import { DatabaseError } from 'sluice/internal/store';

/** Passes other errors on. */
export function explainTrouble(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error;
  if (error.isOtherSchema) return new SluiceError('schema_outdated', undefined, { cause: error });
  if (error.sqlState === '42501')
    return new SluiceError(
      'forbidden',
      'The database role of this page lacks the right: set --operator-url to a role that has it.',
      { cause: error },
    );
  return new SluiceError('database_unavailable', `Cannot read the database: ${error.message}.`, {
    cause: error,
  });
}

export function sentenceOf(error: unknown): string {
  const explained = explainTrouble(error);
  return explained instanceof SluiceError ? explained.message : 'The page cannot read the database now.';
}
