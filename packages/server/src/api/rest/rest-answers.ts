/** All errors below `/rest` have the form of PostgREST, whichever part of the server finds them. */
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemOfAny } from '../error-answers.ts';
import type { Profile } from '../profile.ts';
import { writesOnly } from './query.ts';
import { RestError, retryAfter, sendRestProblem, translated } from './rest-error.ts';

export type Answers = Pick<Profile, 'answerError' | 'answerNotFound'>;

export const restAnswers: Answers = {
  answerError(error, request, reply) {
    const known = error instanceof SluiceError ? error.retryAfterSeconds : undefined;
    if (error instanceof RestError) {
      retryAfter(reply, error.code, known);
      return sendRestProblem(reply, error.problem);
    }
    const problem = problemOfAny(error, request);
    retryAfter(reply, problem.code, known);
    if (problem.code !== 'method_not_allowed') return sendRestProblem(reply, translated(problem));
    return sendRestProblem(reply, {
      code: 'PGRST117',
      status: 405,
      message: `Unsupported HTTP method: ${request.method}`,
      details: problem.detail,
      hint: writesOnly,
    });
  },
  answerNotFound(_request, reply) {
    return sendRestProblem(reply, {
      code: 'PGRST125',
      status: 404,
      message: 'Invalid path specified in request URL',
      hint: 'Tables are at /rest/{table}, functions at /rest/rpc/{function}; /openapi.json describes them.',
    });
  },
};

/** The form of PostgREST below `/rest`, else the other one. */
export function answersOf(others: Answers, basePath: string): Answers {
  const root = `${basePath}/rest`;
  const of = ({ url }: FastifyRequest): Answers =>
    url.startsWith(`${root}/`) || url === root || url.startsWith(`${root}?`) ? restAnswers : others;
  return {
    answerError: (error, request, reply): FastifyReply => of(request).answerError(error, request, reply),
    answerNotFound: (request, reply): FastifyReply => of(request).answerNotFound(request, reply),
  };
}
