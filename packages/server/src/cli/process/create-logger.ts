/**
 * Logs: JSON lines on standard error, because standard output is for results. Only the fields named here are written,
 * also for lines of libraries. So a new field, or an object that is passed on, cannot add content of a document, a
 * client or a credential. docs/observability.md lists the fields.
 */
import { pino, type Logger } from 'pino';

/** Codes, counts, times and random ids. */
export const loggedFields: ReadonlySet<string> = new Set(
  [
    // Fields of an error (describeError).
    'error message code sqlState constraint table statement lanes stack cause doing repeated',
    // Fields of a batch.
    'batchId settled deferred blocked transactions errors readMs planMs commitMs writes writeIds attempt remedy',
    // Fields of a request.
    'id correlationId method route status ms',
  ].flatMap((names) => names.split(' ')),
);

export function createLogger(level: string, bindings: Record<string, unknown>): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid, ...bindings },
      formatters: {
        log: (fields) =>
          Object.fromEntries(Object.entries(fields).filter(([name]) => loggedFields.has(name))),
      },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
