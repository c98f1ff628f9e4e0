import type { FastifyRequest } from 'fastify';

/** The actor for the audit: the name of the client or, without authentication, its address. */
export function actorOf({ principal, ip }: FastifyRequest): string {
  return `${principal.client === '' ? `somebody at ${ip}` : principal.client} (dashboard)`;
}
