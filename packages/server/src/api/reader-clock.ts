/**
 * Limits the time in which a client must read more of an answer, because unsent data stays in memory. A connection
 * whose other end reads nothing would stay open for as long as its machine runs.
 */
import type { FastifyInstance } from 'fastify';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { AnswerStream } from './answer-stream.ts';

/** The operating system takes smaller answers as a whole. */
const smallBytes = 65_536;

export function readerClock(app: FastifyInstance, timeoutMs: number): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    // Answers to bulk lines have their own limit for a client that does not read.
    const isWatched =
      payload instanceof Readable
        ? !(payload instanceof AnswerStream)
        : typeof payload === 'string' && payload.length > smallBytes;
    if (isWatched) watchReader(reply.raw, timeoutMs);
    done();
  });
}

/** Uses the timeout of the socket, which starts again whenever a part of the data was taken. */
export function watchReader(response: ServerResponse, timeoutMs: number): void {
  response.setTimeout(timeoutMs, () => {
    const { socket } = response;
    // If no data waits to be sent, the answer is still being made.
    if (socket === null || socket.writableLength > 0) socket?.destroy();
    else response.setTimeout(timeoutMs);
  });
}
