/**
 * A server that is to end lets its clients go one by one. A client keeps its connection open and may send the next request
 * at the very moment in which the server closes it, and would never know what became of that. So each connection is closed
 * by an answer that says so; one that stays silent is closed after a while.
 */
import type { FastifyInstance } from 'fastify';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

declare module 'fastify' {
  interface FastifyInstance {
    connections: Set<Socket>;
    /** Each answer is the last on its connection, and a load balancer sends requests elsewhere. */
    isLeaving: boolean;
  }
}

/** Keeps account of the connections of a server that will take its leave one day. */
export function leaveTaking(app: FastifyInstance): void {
  const connections = new Set<Socket>();
  app.decorate('connections', connections);
  app.decorate('isLeaving', false);
  // Of HTTPS those that have shaken hands.
  app.server.on(app.server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => {
      connections.delete(socket);
      if (connections.size === 0) app.server.emit('deserted');
    });
  });
  app.addHook('onRequest', (_request, reply, done) => {
    if (app.isLeaving) reply.header('Connection', 'close');
    done();
  });
}

/**
 * Answers on, each answer the last on its connection, until nobody is connected or the time is over. `close` comes next.
 * @param milliseconds for those who keep a connection and send nothing
 */
export async function takeLeave(app: FastifyInstance, milliseconds: number): Promise<void> {
  app.isLeaving = true;
  if (app.connections.size === 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    app.server.once('deserted', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
