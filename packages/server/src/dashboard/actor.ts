import type { FastifyRequest } from 'fastify';

/** Who acts, for the record: a client by its name, or, where nobody is asked, by where it came from. */
export function actorOf({ principal, ip }: FastifyRequest): string {
  return `${principal.client === '' ? `somebody at ${ip}` : principal.client} (dashboard)`;
}
