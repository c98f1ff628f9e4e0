/** A write that was refused or not applied, in the form of PostgREST: SQLSTATE, and its status. */
import { errorTable, type Outcome } from 'sluice/internal/protocol';
import { problemOfOutcome } from '../problem.ts';
import { RestError, translated, type RestProblem } from './rest-error.ts';

/** The status of a SQLSTATE, by its longest prefix in this list; any other is 400. */
const statuses: Readonly<Record<string, number>> = {
  '08': 503,
  '0L': 403,
  '0P': 403,
  '23503': 409,
  '23505': 409,
  '25': 500,
  '25006': 405,
  '28': 403,
  '2D': 500,
  '38': 500,
  '39': 500,
  '3B': 500,
  '40': 500,
  '42501': 403,
  '42883': 404,
  '42P01': 404,
  '53': 503,
  '53400': 500,
  '54': 500,
  '55': 500,
  '57': 500,
  '57P01': 503,
  '58': 500,
  P0: 500,
  P0001: 400,
  XX: 500,
};

export function statusOf(sqlState: string): number {
  // As in PostgREST, code of the user selects the status of its refusal.
  const [, asked] = /^PT([45]\d\d)$/.exec(sqlState) ?? [];
  if (asked !== undefined) return Number(asked);
  return statuses[sqlState] ?? statuses[sqlState.slice(0, 2)] ?? 400;
}

export function refusalOf(outcome: Outcome): RestError {
  const code = outcome.code ?? 'internal';
  const { database, raised, error } = outcome.detail ?? {};
  if (code === 'dead_letter' && typeof error?.code === 'string')
    return deadLetter(outcome.resource, error.code);
  if (database === undefined) return new RestError(code, ofTarget(outcome));
  const { sqlState, constraint, column, table = tableOf(outcome.resource) } = database;
  const status = statusOf(sqlState);
  if (raised !== undefined) return new RestError(code, { code: sqlState, status, ...raised });
  return new RestError(code, {
    code: sqlState,
    // The row is at fault, e.g. a value too large for an index, or an error of a trigger.
    status: status >= 500 ? 400 : status,
    message: sentenceOf(sqlState, table, constraint, column) ?? errorTable[code].detail,
    details: detailsOf(constraint, column),
    hint: hints[sqlState] ?? null,
  });
}

/** In the words of PostgreSQL. */
const hints: Readonly<Record<string, string>> = {
  '21000':
    'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
};

/** A fault of the deployment, e.g. a right that the role of writers lacks. */
function deadLetter(resource: string, sqlState: string): RestError {
  const message =
    sqlState === '42501' ? `permission denied for table ${tableOf(resource)}` : errorTable.dead_letter.detail;
  const hint = 'The write is a dead letter: nothing was applied, and an operator may retry or discard it.';
  return new RestError('dead_letter', { code: sqlState, status: statusOf(sqlState), message, hint });
}

/** Without a SQLSTATE: a refusal of the coordinator, a function or a handler. */
function ofTarget(outcome: Outcome): RestProblem {
  const problem = translated(problemOfOutcome(outcome));
  const { answerText, reason } = outcome.detail ?? {};
  if (reason !== undefined) problem.message = `The target refused the write: ${reason}`;
  if (answerText === undefined) return problem;
  const isString = answerText.startsWith('"');
  return { ...problem, details: isString ? (JSON.parse(answerText) as string) : answerText };
}

function tableOf(resource: string): string {
  return resource.slice(resource.indexOf('.') + 1);
}

/** PostgreSQL's sentence for the most common errors, which clients look for; it has no value. */
export function sentenceOf(
  sqlState: string,
  table: string,
  constraint: string | null,
  column: string | null,
): string | null {
  switch (sqlState) {
    case '21000':
      return 'ON CONFLICT DO UPDATE command cannot affect row a second time';
    case '23502':
      return `null value in column "${column ?? '?'}" of relation "${table}" violates not-null constraint`;
    case '23503':
      return `write to table "${table}" violates foreign key constraint "${constraint ?? '?'}"`;
    case '23505':
      return `duplicate key value violates unique constraint "${constraint ?? '?'}"`;
    case '23514':
      return `new row for relation "${table}" violates check constraint "${constraint ?? '?'}"`;
    case '23P01':
      return `conflicting key value violates exclusion constraint "${constraint ?? '?'}"`;
    default:
      return null;
  }
}

function detailsOf(constraint: string | null, column: string | null): string | null {
  const parts = [
    ...(constraint === null ? [] : [`constraint ${constraint}`]),
    ...(column === null ? [] : [`column ${column}`]),
  ];
  return parts.length === 0 ? null : parts.join(', ');
}
