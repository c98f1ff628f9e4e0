/** Errors in the form of the Ed-Fi API: seven members, of which `validationErrors` and `errors` are always present. */
import type { FastifyReply, FastifyRequest } from '@sluice/server/profile';
import { SluiceError, type ErrorCode } from 'sluice/internal/protocol';

/** JSON path → faults at that place. */
export type ValidationErrors = Record<string, string[]>;

export interface EdFiProblem {
  /** The text after `urn:ed-fi:api:`. */
  type: string;
  title: string;
  status: number;
  detail: string;
  validationErrors?: ValidationErrors;
  errors?: string[];
}

/** A refusal before the write reaches the engine, with a code of the error table for other clients. */
export class EdFiError extends SluiceError {
  readonly problem: EdFiProblem;

  constructor(code: ErrorCode, problem: EdFiProblem) {
    const { detail, errors: sentences = [], validationErrors = {} } = problem;
    const errors = Object.entries(validationErrors).flatMap(([path, messages]) =>
      messages.map((message) => ({ path, message })),
    );
    super(code, sentences[0] ?? detail, errors.length === 0 ? {} : { detail: { errors } });
    this.problem = problem;
  }
}

const SEE_VALIDATION_ERRORS = "Data validation failed. See 'validationErrors' for details.";
const SEE_ERRORS = "The request could not be processed. See 'errors' for details.";

export function dataValidation(validationErrors: ValidationErrors): EdFiProblem {
  return {
    type: 'bad-request:data-validation-failed',
    title: 'Data Validation Failed',
    status: 400,
    detail: SEE_VALIDATION_ERRORS,
    validationErrors,
  };
}

/** The request as a whole is refused. */
export function badRequest(...errors: string[]): EdFiProblem {
  return { type: 'bad-request', title: 'Bad Request', status: 400, detail: SEE_ERRORS, errors };
}

export function missingDescriptors(validationErrors: ValidationErrors): EdFiProblem {
  return {
    type: 'bad-request',
    title: 'Bad Request',
    status: 400,
    detail: SEE_VALIDATION_ERRORS,
    validationErrors,
  };
}

export function notFound(detail = 'The specified data could not be found.'): EdFiProblem {
  return { type: 'not-found', title: 'Not Found', status: 404, detail };
}

export function authenticationFailed(error: string): EdFiProblem {
  return {
    type: 'security:authentication',
    title: 'Authentication Failed',
    status: 401,
    detail: 'The caller could not be authenticated.',
    errors: [error],
  };
}

export function authorizationDenied(error: string): EdFiProblem {
  return {
    type: 'security:authorization',
    title: 'Authorization Denied',
    status: 403,
    detail: 'Access to the resource could not be authorized.',
    errors: [error],
  };
}

export function methodNotAllowed(error: string): EdFiProblem {
  return {
    type: 'method-not-allowed',
    title: 'Method Not Allowed',
    status: 405,
    detail: 'The request construction was invalid.',
    errors: [error],
  };
}

export function unsupportedMediaType(): EdFiProblem {
  const detail = "The value specified in the 'Content-Type' header is not supported by this host.";
  return {
    type: 'unsupported-media-type',
    title: 'Unsupported Media Type',
    status: 415,
    detail,
    errors: [detail],
  };
}

export function sendEdFiProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  { detail, type, title, status, validationErrors = {}, errors = [] }: EdFiProblem,
): FastifyReply {
  const body = {
    detail,
    type: `urn:ed-fi:api:${type}`,
    title,
    status,
    correlationId: request.id,
    validationErrors,
    errors,
  };
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body));
}
