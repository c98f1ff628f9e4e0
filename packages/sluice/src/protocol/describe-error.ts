import { SluiceError } from './errors.ts';

/**
 * The parts of an error that may be logged: its kind, its codes, and the places in the program. Most messages quote
 * data (JSON.parse the document, a driver the row), so they are left out. Messages of Sluice's own database errors
 * quote nothing.
 */

/** Most nested causes that are logged. */
const causesMax = 4;

export function describeError(error: unknown, causes = causesMax): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code, sqlState, constraint, table, statement, lanes } = error as Error & Record<string, unknown>;
  // A lost cause cannot be found later.
  const cause =
    error.cause === undefined || causes === 0 ? {} : { cause: describeError(error.cause, causes - 1) };
  if (sqlState !== undefined)
    return { error: error.name, message: error.message, sqlState, constraint, table, statement, ...cause };
  // The message names only settings, and the error is useless without them.
  if (error instanceof SluiceError && error.code === 'deployment_disagrees')
    return { error: error.name, code, message: error.message, ...cause };
  // A message of several lines may look like places of a stack.
  const { message, stack = '' } = error;
  const traced = stack.slice(stack.indexOf(message) + message.length);
  const places = traced.split('\n').filter((line) => /^\s+at /.test(line));
  return { error: error.name, code, lanes, ...cause, stack: places.join('\n') };
}
