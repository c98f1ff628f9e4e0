/** Ends an HTTP server. Requests that wait for a database that does not answer would keep it open. */
import type { FastifyInstance } from 'fastify';
import { settleWithin } from '@sluice/protocol';

const cutOffMs = 1000;

/**
 * Takes nothing new, and waits for the requests under way.
 * @param work After it, requests have their answers. Whoever has none some time later is cut off.
 */
export async function closeServer(
  server: FastifyInstance,
  work: Promise<unknown>,
  milliseconds: number,
): Promise<void> {
  const closed = server.close();
  await work;
  if (await settleWithin([closed], milliseconds)) return;
  server.server.closeAllConnections();
  await settleWithin([closed], cutOffMs);
}
