/** Stops an HTTP server. Requests that wait for a database without an answer would keep it open. */
import { settleWithin } from 'sluice/internal/protocol';

interface HttpServer {
  close(): PromiseLike<unknown>;
  server: { closeAllConnections(): void };
}

const cutOffMs = 1000;
/** Time for sending the answers after the client has stopped. */
export const answersMs = 1000;

/**
 * Takes no new requests, and waits for those under way.
 * @param work When it ends, requests have their answers. Others are cut off some time later.
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
