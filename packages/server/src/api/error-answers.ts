/** Turns every error into a problem: errors of the table unchanged, those of the HTTP server by their kind, others as a defect. */
import { describeError, SluiceError, type ErrorCode, type FailureLog } from 'sluice/internal/protocol';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { problemOf, problemOfError, type Problem } from './problem.ts';
import type { Profile } from './profile.ts';
import { sendProblem } from './send-problem.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Logs a failure of every request once, and later its count. */
    failures: FailureLog;
  }
}

const serverErrors: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_STATIC_FORBIDDEN_PATH: 'endpoint_not_found',
};

export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const retryAfter = error instanceof SluiceError ? error.retryAfterSeconds : undefined;
  return sendProblem(reply, problemOfAny(error, request), retryAfter);
}

/** Logs a defect, by its kind and places only, or why a client could not be authenticated. */
export function problemOfAny(error: unknown, request: FastifyRequest): Problem {
  const known = problemOfError(error);
  if (known?.code === 'authentication_unavailable') request.server.failures.note(error, 'authenticate');
  if (known !== null && known.code !== 'internal') return known;
  const { code = '', statusCode = 500 } = error as Partial<FastifyError>;
  if (code.startsWith('FST_') && statusCode < 500) return problemOf(serverErrors[code] ?? 'invalid_request');
  // A client that hung up gets no answer, and it is no defect.
  if (code === 'ECONNRESET' && !request.raw.complete) return problemOf('invalid_request');
  request.log.error(
    { correlationId: request.id, route: request.routeOptions.url, ...describeError(error) },
    'failed',
  );
  return problemOf('internal', undefined, { correlationId: request.id });
}

/** Names the media types that the routes of this scope accept. */
export function explainBodies(
  app: FastifyInstance,
  profile: Pick<Profile, 'answerError'>,
  { takes, bytesMax }: { takes: string; bytesMax: number },
): void {
  const details: Partial<Record<ErrorCode, string>> = {
    payload_too_large: `Cannot take the body: it is larger than ${bytesMax} bytes`,
    unsupported_media_type: `Cannot take the body: it is not ${takes}`,
  };
  app.setErrorHandler((error: Partial<FastifyError>, request, reply) => {
    const code = serverErrors[error.code ?? ''];
    const detail = code === undefined ? undefined : details[code];
    const explained = code === undefined || detail === undefined ? error : new SluiceError(code, detail);
    return profile.answerError(explained, request, reply);
  });
}

export function answerNotFound(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(reply, problemOf('endpoint_not_found', 'This node has no such URL.'));
}

const brokenRequests: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** The only supported expectation is 100-continue (RFC 9110, 10.1.1). */
export function answerUnknownExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const problem = problemOf('invalid_request', 'Cannot fulfil the header Expect.');
  response
    .writeHead(problem.status, { 'Content-Type': 'application/problem+json', Connection: 'close' })
    .end(JSON.stringify(problem));
}

/** Answers a connection without valid HTTP, or without a whole request in time. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = problemOf(brokenRequests[error.code ?? ''] ?? 'invalid_request');
  const body = JSON.stringify(problem);
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy(error);
}
