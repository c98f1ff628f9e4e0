import { SluiceError } from 'sluice/internal/protocol';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createFront } from './front.ts';

test('the refusal of a page leads to the list of stores, unless its host belongs to a store', async () => {
  const app = createFront({
    auth: undefined,
    logger: pino({ level: 'silent' }),
    storeOf: ({ url = '', headers }) =>
      headers.host === 'down.example.org' || url.startsWith('/down/') ? { store: 'down', url } : null,
    open: () => Promise.reject(new SluiceError('database_unavailable', 'It is down.')),
    isAsleep: () => false,
    count: () => ({ stores: 1, open: 0, failed: 1 }),
    names: () => ['down'],
    picker: 'names',
  });
  onTestFinished(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const read = (path: string, host: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const asked = request({ port, path, headers: { host, accept: 'text/html' } }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(text));
      });
      asked.on('error', reject).end();
    });
  const link = '<a href="/dashboard/">Data stores</a>';
  expect(await read('/down/dashboard/', 'any.example.org')).toContain(link);
  const ofHost = await read('/dashboard/', 'down.example.org');
  expect(ofHost).toContain('role="alert"');
  expect(ofHost).not.toContain(link);
});
