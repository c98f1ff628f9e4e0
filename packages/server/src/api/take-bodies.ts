/** For routes that take whole bodies: bodies arrive as bytes, and large ones wait for room. */
import { SluiceError } from 'sluice/internal/protocol';
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { smallBodyBytes } from './byte-budget.ts';
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
}

/** @throws {SluiceError} `unsupported_media_type` */
export function assertUncompressed({ 'content-encoding': encoding }: IncomingHttpHeaders): void {
  if (encoding === undefined || encoding === 'identity') return;
  throw new SluiceError('unsupported_media_type', 'Cannot take the body because it is compressed');
}
