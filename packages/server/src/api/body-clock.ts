/**
 * Limits the time in which a request's body must arrive. The HTTP server's own limit would also apply to bulk
 * requests, which may send for as long as they keep sending.
 */
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';

/** One timer for all bodies is cheaper than a timer for each. */
const lookIntervalMs = 250;

export function bodyClock(
  app: FastifyInstance,
  timeoutMs: number,
  answerLate: (error: SluiceError, request: FastifyRequest, reply: FastifyReply) => void,
): void {
  /** In the order of their start, or of their answer, and so of their ends. */
  const receiving = new Map<FastifyRequest, { reply: FastifyReply; until: number }>();
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [request, { reply, until }] of receiving) {
      if (until > now) return;
      receiving.delete(request);
      // A body that was answered early has the same time again; a client that goes on sending would block the
      // connection.
      if (reply.sent) {
        if (!request.raw.complete) request.raw.destroy();
        continue;
      }
      // The rest of the body is not awaited: the connection ends with the answer.
      reply.header('Connection', 'close');
      answerLate(late(timeoutMs), request, reply);
    }
  }, lookIntervalMs).unref();

  app.addHook('onRequest', (request, reply, done) => {
    const { headers } = request;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
      receiving.set(request, { reply, until: performance.now() + timeoutMs });
    }
    done();
  });
  // Runs when the body has arrived; for a bulk request, before it is read.
  app.addHook('preValidation', (request, _reply, done) => {
    receiving.delete(request);
    done();
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    receiving.delete(request);
    if (!request.raw.complete) {
      reply.raw.once('finish', () => {
        if (!request.raw.complete) receiving.set(request, { reply, until: performance.now() + timeoutMs });
      });
      request.raw.once('close', () => receiving.delete(request));
    }
    done();
  });
  app.addHook('onRequestAbort', (request, done) => {
    receiving.delete(request);
    done();
  });
  app.addHook('onClose', (_app, done) => {
    clearInterval(timer);
    done();
  });
}

/**
 * The chunks of a body, each with a time limit. The stream itself is not ended, because an answer may be under way on
 * the same connection.
 * @throws {SluiceError} `request_timeout`
 */
export async function* chunksWithin(stream: Readable, timeoutMs: number): AsyncGenerator<Buffer> {
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer, undefined>;
  for (;;) {
    const next = chunks.next();
    // If the time limit comes first, the result is ignored.
    next.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(late(timeoutMs)), timeoutMs);
    });
    const chunk = await Promise.race([next, over]).finally(() => clearTimeout(timer));
    if (chunk.done === true) return;
    yield chunk.value;
  }
}

/** Reads and drops the rest of a body, so that its sender reads the answer; ends the stream if that takes too long. */
export function discardRest(stream: Readable, timeoutMs: number): void {
  if (stream.readableEnded || stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), timeoutMs);
  stream.once('close', () => clearTimeout(timer));
  stream.once('end', () => clearTimeout(timer));
  // Otherwise the earlier reader would keep the stream from flowing.
  stream.removeAllListeners('readable');
  stream.on('error', () => undefined).resume();
}

function late(timeoutMs: number): SluiceError {
  return new SluiceError('request_timeout', `No further part of the body arrived within ${timeoutMs} ms.`);
}
