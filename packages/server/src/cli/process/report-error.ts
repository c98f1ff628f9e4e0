/** Says why a command ends, in one sentence without a stack, and gives the exit code that the error table has for it. */
import { SluiceError } from 'sluice/internal/protocol';
import { DatabaseError, reasonOf } from 'sluice/internal/store';
import { complain, printJson } from './output.ts';

export function reportError(error: unknown, isJson: boolean): number {
  const explained = explainError(error);
  const code = explained instanceof SluiceError ? explained.code : 'internal';
  if (isJson) printJson({ error: { code, message: explained.message } });
  // A sentence of ours tells enough; anything else is a defect, whose place matters.
  const isOurs =
    explained instanceof SluiceError ||
    (explained.name === 'Error' && explained.message.startsWith('Cannot '));
  complain(isOurs ? explained.message : (explained.stack ?? explained.message));
  return explained instanceof SluiceError ? explained.entry.exitCode : 1;
}

/** The error as a person reads it. */
export function explainError(error: unknown): Error {
  if (error instanceof DatabaseError) return explainDatabase(error);
  if (!(error instanceof Error)) return new Error(String(error));
  const { code, path, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return new SluiceError('configuration_invalid', `Cannot start as the port is taken: ${port}`);
  }
  if (path !== undefined && port === undefined) {
    return new SluiceError('configuration_invalid', `Cannot use a file or folder (${code}): ${path}`);
  }
  if (code === 'EADDRNOTAVAIL' || code === 'EACCES') {
    const where = port === undefined ? '' : `: ${address}:${port}`;
    return new SluiceError(
      'configuration_invalid',
      `Cannot start as the address cannot be used (${code})${where}`,
    );
  }
  return error;
}

const loginRefusals: Readonly<Record<string, string>> = {
  '28P01': 'the server refuses the user or the password',
  '28000': 'the server takes no such connection of this user, or none without TLS',
  '3D000': 'the server has no database of this name',
};

function explainDatabase(error: DatabaseError): SluiceError {
  if (error.sqlState === '3F000' || error.sqlState === '42P01') {
    return new SluiceError(
      'schema_outdated',
      'Cannot read the database as it has no Sluice schema of this version: run `sluice migrate`',
    );
  }
  if (error.sqlState === '42501') {
    return new SluiceError(
      'configuration_invalid',
      'Cannot use the database as this role lacks a right: use the role of this process, and run `sluice roles` after an upgrade',
    );
  }
  if (error.sqlState === '25006') {
    return new SluiceError(
      'database_unavailable',
      'Cannot write to the database because it is read-only: it is a standby, or default_transaction_read_only is on',
    );
  }
  const refusal = error.sqlState === null ? undefined : loginRefusals[error.sqlState];
  if (refusal !== undefined) {
    return new SluiceError(
      'database_unavailable',
      `Cannot use the database as ${refusal} (${error.sqlState}): look at its URL`,
    );
  }
  if (error.sqlState !== null && (error.isConnectionLoss || error.isServerTrouble)) {
    return new SluiceError('database_unavailable', `Cannot use the database: ${reasonOf(error)}`);
  }
  if (error.isConnectionLoss) {
    return new SluiceError('database_unavailable', `Cannot reach PostgreSQL as the ${error.message}`);
  }
  return new SluiceError('database_unavailable', `Cannot use the database as it refuses: ${error.message}`);
}
