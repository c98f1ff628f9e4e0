import type { FastifyReply } from 'fastify';
import { retryAfterSeconds, type Problem } from './problem.ts';

export function sendProblem(reply: FastifyReply, problem: Problem, retryAfter?: number): FastifyReply {
  const seconds = retryAfterSeconds(problem.code, retryAfter);
  if (seconds !== null) reply.header('Retry-After', seconds);
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}
