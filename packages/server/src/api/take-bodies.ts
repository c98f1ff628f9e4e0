/** For routes that take whole bodies: bodies arrive as bytes, and large ones wait for room. */
import { SluiceError } from 'sluice/internal/protocol';
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { smallBodyBytes, type ByteBudget, type ByteShare } from './byte-budget.ts';
import { explainBodies } from './error-answers.ts';
import type { ApiNode } from './node.ts';
import type { Profile } from './profile.ts';

export interface TakenBodies {
  mediaTypes: readonly (string | RegExp)[];
  answers: Pick<Profile, 'answerError'>;
}

export function takeBodies(
  app: FastifyInstance,
  { limits, bodies }: Pick<ApiNode, 'limits' | 'bodies'>,
  { mediaTypes, answers }: TakenBodies,
): void {
  explainBodies(app, answers, { takes: 'application/json', bytesMax: limits.bodyBytesMax });
  app.removeAllContentTypeParsers();
  for (const type of mediaTypes) {
    app.addContentTypeParser(
      type,
      { parseAs: 'buffer', bodyLimit: limits.bodyBytesMax },
      (_request: FastifyRequest, body: Buffer, done: (error: null, body: Buffer) => void) => done(null, body),
    );
  }
  // Before the body is read.
  app.addHook('onRequest', async ({ headers, method }, reply) => {
    if (method === 'GET' || method === 'HEAD') return;
    const bytes = Number(headers['content-length'] ?? 0);
    // Here, so that a client that waits for 100 Continue is answered without sending its body.
    if (bytes > limits.bodyBytesMax) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE();
    if (bytes <= smallBodyBytes) return;
    const share = await bodies.open(reply.raw);
    await share.admit(bytes);
  });
  app.addHook('preParsing', ({ headers }, reply, payload, done) => {
    if (headers['transfer-encoding'] === undefined) return done(null, payload);
    const chunks = admittedChunks(payload, reply.raw, { bodies, bytesMax: limits.bodyBytesMax });
    done(null, Readable.from(chunks));
  });
}

/**
 * A body whose length is not known before its end: its bytes are admitted as they arrive. The stream itself is not
 * ended, because the answer goes over the same connection.
 * @throws {SluiceError} `overloaded` if a part finds no room in time
 */
async function* admittedChunks(
  body: Readable,
  response: ServerResponse,
  { bodies, bytesMax }: { bodies: ByteBudget; bytesMax: number },
): AsyncGenerator<Buffer> {
  let bytes = 0;
  let share: ByteShare | undefined;
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE();
    if (bytes > smallBodyBytes) {
      share ??= await bodies.open(response);
      await share.admit(bytes);
    }
    yield chunk;
  }
}

/** @throws {SluiceError} `unsupported_media_type` */
export function assertUncompressed({ 'content-encoding': encoding }: IncomingHttpHeaders): void {
  if (encoding === undefined || encoding === 'identity') return;
  throw new SluiceError('unsupported_media_type', 'Cannot take the body because it is compressed');
}
