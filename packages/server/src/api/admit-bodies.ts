/** What routes that take whole bodies share: room for large ones, before any of it is read, and none that is compressed. */
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { smallBodyBytes } from './byte-budget.ts';
import type { ApiNode } from './node.ts';

export function admitBodies(app: FastifyInstance, { bodies, limits }: Pick<ApiNode, 'bodies' | 'limits'>): void {
  app.addHook('onRequest', async ({ headers, method }, reply) => {
    if (method === 'GET' || method === 'HEAD') return;
    const bytes = Number(headers['content-length'] ?? 0);
    if (bytes <= smallBodyBytes || bytes > limits.bodyBytesMax) return;
    const share = await bodies.open(reply.raw);
    await share.admit(bytes);
  });
}

/** @throws {SluiceError} `unsupported_media_type` */
export function assertUncompressed(headers: IncomingHttpHeaders): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return;
  throw new SluiceError('unsupported_media_type', 'Cannot take the body because it is compressed');
}
