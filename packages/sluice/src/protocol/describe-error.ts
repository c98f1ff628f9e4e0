import { SluiceError } from './errors.ts';

/**
 * What may be logged of an error: its kind, its codes, and the places in the program. Not its message, because most quote what
 * they stumbled over: JSON.parse the document, a driver the row. Of errors of ours that come from the database it is known
 * that they do not.
 */

/** Causes of causes that are told. */
const causesMax = 4;

export function describeError(error: unknown, causes = causesMax): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code, sqlState, constraint, table, statement, lanes } = error as Error & Record<string, unknown>;
  // A cause that is lost is looked for in vain afterwards.
  const cause =
    error.cause === undefined || causes === 0 ? {} : { cause: describeError(error.cause, causes - 1) };
  if (sqlState !== undefined)
    return { error: error.name, message: error.message, sqlState, constraint, table, statement, ...cause };
  // It names settings and nothing else, and is no use without them.
  if (error instanceof SluiceError && error.code === 'deployment_disagrees')
    return { error: error.name, code, message: error.message, ...cause };
  // A message of several lines may look like places.
  const { message, stack = '' } = error;
  const traced = stack.slice(stack.indexOf(message) + message.length);
  const places = traced.split('\n').filter((line) => /^\s+at /.test(line));
  return { error: error.name, code, lanes, ...cause, stack: places.join('\n') };
}
