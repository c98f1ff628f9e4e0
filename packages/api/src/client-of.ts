import type { FastifyRequest } from 'fastify';

/**
 * Who asks: keys, outcomes and quotas are theirs alone. Nobody is authenticated yet, so all are one client; a header
 * that anybody may set would let them read each other's.
 */
export function clientOf(_request: FastifyRequest): string {
  return '';
}
