/**
 * Bounds the time in which a request's body must have come. The HTTP server's own limit for this would count for bulk
 * requests too, which may send for as long as they keep sending.
 */
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';

/** One look at all bodies under way is cheaper than a timer for each. */
const lookIntervalMs = 250;

export function bodyClock(
  app: FastifyInstance,
  timeoutMs: number,
  answerLate: (error: SluiceError, request: FastifyRequest, reply: FastifyReply) => void,
): void {
  /** In the order in which they began, or were answered, and so of their ends. */
  const receiving = new Map<FastifyRequest, { reply: FastifyReply; until: number }>();
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [request, { reply, until }] of receiving) {
      if (until > now) return;
      receiving.delete(request);
      // Answered before it had come, it had as long again: who goes on sending would keep the connection for nothing.
      if (reply.sent) {
        if (!request.raw.complete) request.raw.destroy();
        continue;
      }
      // What has not come is not waited for: the connection ends with the answer.
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
  // Comes once the body is there; of a bulk request, once it is to be read.
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
 * The chunks of a body, each within its time from when it is asked for. The stream itself is left as it is: an answer may be
 * under way on the same connection.
 * @throws {SluiceError} `request_timeout`
 */
export async function* chunksWithin(stream: Readable, timeoutMs: number): AsyncGenerator<Buffer> {
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer, undefined>;
  for (;;) {
    const next = chunks.next();
    // If the time is over first, its result is ignored.
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

/** Lets what still comes of a body pass unread, so that its sender comes to read the answer; ends it if that takes too long. */
export function discardRest(stream: Readable, timeoutMs: number): void {
  if (stream.readableEnded || stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), timeoutMs);
  stream.once('close', () => clearTimeout(timer));
  stream.once('end', () => clearTimeout(timer));
  // The earlier reader still listens, and would keep the stream from flowing.
  stream.removeAllListeners('readable');
  stream.on('error', () => undefined).resume();
}

function late(timeoutMs: number): SluiceError {
  return new SluiceError('request_timeout', `No further part of the body arrived within ${timeoutMs} ms.`);
}
