// A pooler in transaction mode, as far as anybody can tell from outside: a connection of the server's serves whoever sends
// something, until the transaction is over, and is then anybody's. It speaks no more of the protocol than it takes to know
// where a transaction ends, and holds two connections.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import pg from 'pg';

export interface TransactionPooler {
  /** In place of the server's. */
  url: string;
  close(): Promise<void>;
}

/** One connection to the server, authenticated by the driver; then only its socket is used. */
interface Backend {
  socket: Socket;
  client: pg.Client;
  user: Frontend | null;
}

interface Frontend {
  socket: Socket;
  backend: Backend | null;
  waiting: Buffer[];
}

const readyForQuery = 0x5a;
const idle = 0x49;

export async function startTransactionPooler(url: string): Promise<TransactionPooler> {
  const backends = await Promise.all([openBackend(url), openBackend(url)]);
  const frontends = new Set<Frontend>();

  /** The one used last comes first, as poolers do it. */
  const serve = (frontend: Frontend): void => {
    frontend.backend ??= backends.find(({ user }) => user === null) ?? null;
    if (frontend.backend === null) return;
    frontend.backend.user = frontend;
    for (const message of frontend.waiting.splice(0)) frontend.backend.socket.write(message);
  };

  for (const backend of backends) {
    onMessages(backend.socket, (message) => {
      const { user } = backend;
      // What comes while nobody is served, a notification for one, is lost.
      user?.socket.write(message);
      if (user !== null && message[0] === readyForQuery && message[5] === idle) {
        backend.user = null;
        user.backend = null;
        if (user.waiting.length > 0) serve(user);
        const next = [...frontends].find(({ waiting }) => waiting.length > 0);
        if (next !== undefined) serve(next);
      }
    });
  }

  const server = createServer((socket) => {
    const frontend: Frontend = { socket, backend: null, waiting: [] };
    frontends.add(frontend);
    socket.on('error', () => undefined);
    socket.on('close', () => frontends.delete(frontend));
    socket.once('data', () => {
      // Everybody is let in: AuthenticationOk, and ready.
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, idle]));
      onMessages(socket, (message) => {
        // Terminate ends the client's connection, not the server's.
        if (message[0] === 0x58) socket.end();
        else {
          frontend.waiting.push(message);
          serve(frontend);
        }
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const pooled = new URL(url);
  pooled.host = `127.0.0.1:${port}`;
  return {
    url: pooled.href,
    async close() {
      for (const { socket } of frontends) socket.destroy();
      server.close();
      for (const { socket } of backends) socket.destroy();
      await Promise.resolve();
    },
  };
}

async function openBackend(url: string): Promise<Backend> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.removeAllListeners('data');
  return { socket: stream, client, user: null };
}

/** Cuts a stream into messages: a type, a length, and what it says. */
function onMessages(socket: Socket, take: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const length = 1 + rest.readInt32BE(1);
      take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  });
}
