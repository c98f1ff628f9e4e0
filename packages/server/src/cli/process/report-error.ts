/** Reports why a command ends, in one sentence without a stack, and returns the exit code of the error table. */
import { SluiceError } from 'sluice/internal/protocol';
import { DatabaseError, explainDatabaseError } from 'sluice/internal/store';
import { complain, printJson } from './output.ts';

export function reportError(error: unknown, isJson: boolean): number {
  const explained = explainError(error);
  const code = explained instanceof SluiceError ? explained.code : 'internal';
  if (isJson) printJson({ error: { code, message: explained.message } });
  // An error of the table needs only its sentence; any other is a defect, whose place matters.
  const isOurs =
    explained instanceof SluiceError ||
    (explained.name === 'Error' && explained.message.startsWith('Cannot '));
  complain(isOurs ? explained.message : (explained.stack ?? explained.message));
  return explained instanceof SluiceError ? explained.entry.exitCode : 1;
}

/** The error in the form for people. */
export function explainError(error: unknown): Error {
  if (error instanceof DatabaseError) return explainDatabaseError(error);
  if (!(error instanceof Error)) return new Error(String(error));
  const { code, path, port } = error as NodeJS.ErrnoException & { port?: number };
  if (path !== undefined && port === undefined) {
    return new SluiceError('configuration_invalid', `Cannot use a file or folder (${code}): ${path}`);
  }
  return error;
}
