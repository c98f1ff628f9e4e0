/**
 * Logs: JSON lines on standard error, as standard output belongs to results. Only fields that are named here are
 * written, also for lines of libraries: so nothing of a document, of a client or of a credential gets there by
 * a field that somebody adds or an object that somebody passes on. docs/observability.md lists them.
 */
import { pino, type Logger } from 'pino';

/** Codes, counts, times and random ids. */
export const loggedFields: ReadonlySet<string> = new Set(
  [
    // Of an error (describeError).
    'error message code sqlState constraint table statement lanes stack cause doing repeated',
    // Of a batch.
    'batchId settled deferred blocked transactions errors readMs planMs commitMs writes writeIds attempt remedy',
    // Of a request.
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
