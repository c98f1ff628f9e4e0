/** Ends an HTTP server. Requests that wait for a database that does not answer would keep it open. */
import { settleWithin } from 'sluice/internal/protocol';

interface HttpServer {
  close(): PromiseLike<unknown>;
  server: { closeAllConnections(): void };
}

const cutOffMs = 1000;
/** Once the client has stopped, answers may take so long to be sent. */
export const answersMs = 1000;

/**
 * Takes nothing new, and waits for the requests under way.
 * @param work After it, requests have their answers. A request without one is cut off some time later.
 */
export async function closeServer(
  server: HttpServer,
  work: Promise<unknown>,
  milliseconds: number,
): Promise<void> {
  const closed = Promise.resolve(server.close());
  await work;
  if (await settleWithin([closed], milliseconds)) return;
  server.server.closeAllConnections();
  await settleWithin([closed], cutOffMs);
}
