/**
 * Errors in the form of PostgREST: four members, with its codes and statuses if it has them; otherwise the code of
 * the error table. They have no text of PostgreSQL and no value of a row.
 */
import { errorTable, SluiceError, type ErrorCode } from 'sluice/internal/protocol';
import type { FastifyReply } from 'fastify';
import { retryAfterSeconds, type Problem } from '../problem.ts';

export interface RestProblem {
  /** `PGRST…` of PostgREST, a SQLSTATE, or a code of the error table. */
  code: string;
  status: number;
  message: string;
  details?: string | null;
  hint?: string | null;
}

/** A refusal in the form of PostgREST, with the code of the error table for the rest of the API. */
export class RestError extends SluiceError {
  readonly problem: RestProblem;

  constructor(code: ErrorCode, problem: RestProblem) {
    super(code, problem.message);
    this.problem = problem;
  }
}

export function sendRestProblem(
  reply: FastifyReply,
  { code, status, message, details = null, hint = null }: RestProblem,
): FastifyReply {
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ code, details, hint, message }));
}

/** A feature of PostgREST that this dialect does not have. */
export function notOffered(details: string, hint: string | null = null): RestError {
  const message = 'Feature not implemented';
  return new RestError('invalid_request', { code: 'PGRST127', status: 400, message, details, hint });
}

/** A part of the URL that cannot be read. */
export function badQuery(parameter: string, details: string): RestError {
  const message = `Cannot read the query parameter ${parameter.slice(0, 100)}`;
  return new RestError('invalid_request', { code: 'PGRST100', status: 400, message, details });
}

export function badBody(message: string): RestError {
  return new RestError('invalid_json', { code: 'PGRST102', status: 400, message });
}

export function unknownColumn(column: string, table: string): RestError {
  const message = `Could not find the '${column.slice(0, 100)}' column of '${table}' in the schema cache`;
  return new RestError('invalid_document', { code: 'PGRST204', status: 400, message });
}

export function notSingular(rows: number): RestError {
  return new RestError('invalid_request', {
    code: 'PGRST116',
    status: 406,
    message: 'Cannot coerce the result to a single JSON object',
    details: `The result contains ${rows} rows`,
  });
}

/** Codes of PostgREST, or SQLSTATEs, for codes of the error table; any other keeps its own code. */
const codes: Partial<Record<ErrorCode, string>> = {
  authentication_unavailable: 'PGRST301',
  database_unavailable: 'PGRST001',
  endpoint_not_found: 'PGRST125',
  forbidden: '42501',
  internal: 'PGRSTX00',
  invalid_document: '22P02',
  invalid_json: 'PGRST102',
  invalid_request: 'PGRST100',
  method_not_allowed: 'PGRST117',
  unauthenticated: 'PGRST301',
  unsupported_media_type: 'PGRST107',
};

/** A problem of the error table with the members of PostgREST. */
export function translated({ code, status, detail, errors = [] }: Problem): RestProblem {
  const places = errors.map(({ path, message }) => `${path} ${message}`);
  return {
    code: codes[code] ?? code,
    status,
    message: detail,
    details: places.length === 0 ? null : places.join('; '),
    hint: errorTable[code].retryable ? 'The same request may succeed later, unchanged.' : null,
  };
}

export function retryAfter(reply: FastifyReply, code: ErrorCode, known?: number): void {
  const seconds = retryAfterSeconds(code, known);
  if (seconds !== null) reply.header('Retry-After', seconds);
}
