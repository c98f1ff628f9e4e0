/**
 * Distance: a TCP proxy before the server that makes each round trip so much longer. Both directions take half of it if
 * that is a millisecond or more, which is as fine as timers are; else the answers take all of it.
 *
 * The proxy of the tests (test/support/tcp-proxy.ts) reads every message, which would be measured here.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface ProxyOptions {
  host: string;
  port: number;
  rttMs: number;
}

export async function startProxy({ host, port, rttMs }: ProxyOptions): Promise<{
  url: string;
  stop: () => Promise<void>;
}> {
  const thereMs = rttMs >= 2 ? Math.floor(rttMs / 2) : 0;
  const backMs = rttMs - thereMs;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host, port, noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    carry(near, far, thereMs);
    carry(far, near, backMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function carry(from: Socket, to: Socket, milliseconds: number): void {
    // Timers of one length fire in the order of their start, so the bytes keep their order.
    const later = (what: () => void): void => {
      if (milliseconds === 0) what();
      else setTimeout(what, milliseconds);
    };
    from.on('data', (bytes) => later(() => void to.write(bytes)));
    from.on('end', () => later(() => void to.end()));
    from.on('close', () => {
      sockets.delete(from);
      later(() => void to.destroy());
    });
  }
}
