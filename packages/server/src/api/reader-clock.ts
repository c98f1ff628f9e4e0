/**
 * Bounds the time in which a client must take more of an answer. What waits to be sent is held in memory, and nothing else
 * ends it: a connection whose other end reads nothing stays open for as long as its machine is there.
 */
import type { FastifyInstance } from 'fastify';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { AnswerStream } from './answer-stream.ts';

/** Smaller answers are in the hands of the operating system at once. */
const smallBytes = 65_536;

export function readerClock(app: FastifyInstance, timeoutMs: number): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    // Answers to bulk lines have an end of their own for a client that does not read.
    const isWatched =
      payload instanceof Readable
        ? !(payload instanceof AnswerStream)
        : typeof payload === 'string' && payload.length > smallBytes;
    if (isWatched) watchReader(reply.raw, timeoutMs);
    done();
  });
}

/** The socket's own clock: it goes on whenever a part of what waits has been taken. */
export function watchReader(response: ServerResponse, timeoutMs: number): void {
  response.setTimeout(timeoutMs, () => {
    if (response.writableFinished) return;
    const { socket } = response;
    // Where nothing waits to be sent, the answer is still being made.
    if (socket === null || socket.writableLength > 0) socket?.destroy();
    else response.setTimeout(timeoutMs);
  });
}
