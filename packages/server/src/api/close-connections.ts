/**
 * Stops a server without lost requests. A client keeps its connection open, and may send its next request at the
 * moment when the server closes the connection; it would never learn the outcome. So each connection is closed by an
 * answer that says so, and a silent one is closed after a while.
 */
import type { FastifyInstance } from 'fastify';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

declare module 'fastify' {
  interface FastifyInstance {
    connections: Set<Socket>;
    /** Each answer is the last on its connection, and a load balancer sends requests to other nodes. */
    isClosing: boolean;
  }
}

/** Records the connections of a server that will stop this way. */
export function trackConnections(app: FastifyInstance): void {
  const connections = new Set<Socket>();
  app.decorate('connections', connections);
  app.decorate('isClosing', false);
  // For HTTPS, connections after the handshake.
  app.server.on(app.server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => {
      connections.delete(socket);
      if (connections.size === 0) app.server.emit('unconnected');
    });
  });
  app.addHook('onRequest', (_request, reply, done) => {
    if (app.isClosing) reply.header('Connection', 'close');
    done();
  });
}

/**
 * Goes on answering, each answer as the last on its connection, until no client is connected or the time is over.
 * Call `close` next.
 * @param milliseconds for clients that keep a connection and send nothing
 */
export async function closeConnections(app: FastifyInstance, milliseconds: number): Promise<void> {
  app.isClosing = true;
  if (app.connections.size === 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    app.server.once('unconnected', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
