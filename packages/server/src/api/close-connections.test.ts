import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAuthority } from '../../../../test/support/certificates.ts';
import { createApi } from './api.ts';
import { closeConnections } from './close-connections.ts';
import { FakeClient } from './test-support.ts';

const request =
  'POST /data/ed-fi/schools HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"schoolId":1}';

async function setup(tls?: { cert: string; key: string }) {
  const api = createApi({ client: new FakeClient(), tls, logger: pino({ level: 'silent' }) });
  onTestFinished(() => api.close());
  await api.listen({ port: 0 });
  const { port } = api.server.address() as AddressInfo;
  const open = async (): Promise<Socket> => {
    const socket =
      tls === undefined
        ? connect(port, '127.0.0.1')
        : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.setEncoding('utf8');
    onTestFinished(() => void socket.destroy());
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return socket;
  };
  const ask = async (socket: Socket, text = request): Promise<string> => {
    socket.write(text);
    const [answer] = (await once(socket, 'data')) as [string];
    return answer;
  };
  return { api, open, ask };
}

describe('a server that takes its leave', () => {
  test.each([
    ['HTTP', undefined],
    ['HTTPS', createAuthority('test').sign('127.0.0.1')],
  ])('a stopping server answers a request on an open connection, and closes it: %s', async (_name, tls) => {
    const { api, open, ask } = await setup(tls);
    const sockets = [await open(), await open()];
    for (const socket of sockets) expect(await ask(socket)).not.toMatch(/^Connection: close\r$/im);
    let isGone = false;
    const gone = closeConnections(api, 60_000).then(() => (isGone = true));
    for (const socket of sockets) {
      expect(isGone).toBe(false);
      const ended = once(socket, 'end');
      const answer = await ask(socket);
      expect(answer).toMatch(/^HTTP\/1.1 201 /);
      expect(answer).toMatch(/^Connection: close\r$/im);
      await ended;
      socket.end();
    }
    await gone;
  });

  test('a stopping server is not ready for more', async () => {
    const { api } = await setup();
    expect((await api.inject('/readyz')).statusCode).toBe(200);
    await closeConnections(api, 60_000);
    expect((await api.inject('/readyz')).json()).toMatchObject({ status: 503, code: 'stopping' });
  });

  test('a stopping server does not wait for ever for a silent connection', async () => {
    const { api, open } = await setup();
    await open();
    await closeConnections(api, 10);
    expect(api.connections.size).toBe(1);
  });
});
