// The PostgreSQL that a run of tests finds where a container engine answers and cannot give one.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { execute, findServer } from './postgres.ts';

/** An engine that answers all it is asked, and has no image and no way to a registry. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url!.replace(/^\/v[\d.]+/, '');
  const json = (status: number, value: unknown): void =>
    void response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  if (path === '/_ping') response.end('OK');
  else if (path === '/info') json(200, { ServerVersion: '28.0', OperatingSystem: 'Linux', OSType: 'linux' });
  else if (path === '/version') json(200, { Version: '28.0', ApiVersion: '1.48' });
  else if (path.startsWith('/images/create')) json(500, { message: 'dial tcp: no such host' });
  else if (path.startsWith('/images/')) json(404, { message: 'No such image' });
  else json(200, []);
}

test('an engine without the image leaves the run on the embedded server, and the run says so', async () => {
  const requests: string[] = [];
  const engine = createServer((request, response) => {
    requests.push(request.url!);
    answer(request, response);
  });
  await once(engine.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void engine.close());
  vi.stubEnv('DATABASE_URL', '');
  vi.stubEnv('SLUICE_POSTGRES', undefined);
  vi.stubEnv('DOCKER_HOST', `tcp://127.0.0.1:${(engine.address() as AddressInfo).port}`);
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  onTestFinished(() => said.mockRestore());

  const server = await findServer();
  onTestFinished(() => server.stop([]));
  expect(requests.filter((url) => url.includes('/images/'))).not.toEqual([]);
  expect(await execute(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(said).toHaveBeenCalledWith(
    expect.stringMatching(
      /^Tests use the embedded PostgreSQL: the container engine cannot start one: .*no such host/,
    ),
  );
});
