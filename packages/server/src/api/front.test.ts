import { SluiceError } from 'sluice/internal/protocol';
import { request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createFront, type UseKind } from './front.ts';

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

async function setup(isAsleep: boolean) {
  const opened: { kind: UseKind; response: ServerResponse }[] = [];
  const app = createFront({
    auth: undefined,
    logger: pino({ level: 'silent' }),
    storeOf: ({ url = '' }) => (url.startsWith('/north/') ? { store: 'north', url } : null),
    open(_store, kind, response) {
      opened.push({ kind, response });
      return Promise.reject(new SluiceError('database_unavailable', 'It is down.'));
    },
    isAsleep: () => isAsleep,
    count: () => ({ stores: 1, open: 0, failed: 0 }),
    names: () => ['north'],
    picker: 'names',
  });
  onTestFinished(() => app.close());
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  return { opened, address };
}

test('only the readyz and healthz of a store itself leave it asleep', async () => {
  const { opened, address } = await setup(true);
  for (const path of ['/readyz', '/healthz', '/readyz?x=1', '/healthz/'])
    expect(await (await fetch(`${address}/north${path}`)).json()).toMatchObject({ state: 'asleep' });
  expect(opened).toEqual([]);
  const others = [
    '/rest/pages?path=eq./healthz',
    '/rest/pages?path=/readyz?',
    '/rest/readyz',
    '/data/a/healthz',
  ];
  for (const path of others)
    expect((await fetch(`${address}/north${path}`, { method: 'PATCH' })).status).toBe(503);
  expect(opened.map(({ kind }) => kind)).toEqual(others.map(() => 'request'));
});

test('a probe of an open store is passed on as a probe, and the live data of its page as a stream', async () => {
  const { opened, address } = await setup(false);
  for (const path of ['readyz', 'dashboard/live', 'dashboard/live?x=1', 'data/dashboard/live'])
    await fetch(`${address}/north/${path}`);
  expect(opened.map(({ kind }) => kind)).toEqual(['probe', 'stream', 'stream', 'request']);
});

test('readyz of a node whose stores have all failed tries them in turn, and is ready once one has opened', async () => {
  const tried: string[] = [];
  let failed = 2;
  const app = createFront({
    auth: undefined,
    logger: pino({ level: 'silent' }),
    storeOf: () => null,
    open(store, kind) {
      tried.push(`${store} ${kind}`);
      if (tried.length < 3) return Promise.reject(new SluiceError('database_unavailable', 'It is down.'));
      failed = 1;
      return Promise.resolve({ app, release: () => tried.push('released') });
    },
    isAsleep: () => false,
    count: () => ({ stores: 2, open: 0, failed }),
    names: () => ['north', 'south'],
    picker: 'none',
  });
  onTestFinished(() => app.close());
  const statuses: number[] = [];
  for (let asked = 0; asked < 4; asked++) statuses.push((await app.inject('/readyz')).statusCode);
  expect(statuses).toEqual([503, 503, 503, 200]);
  expect(tried).toEqual(['north probe', 'south probe', 'north probe', 'released']);
});

test('only a page of a store answers a browser with a page', async () => {
  const { address } = await setup(false);
  const typeOf = async (path: string): Promise<string | null> =>
    (await fetch(`${address}${path}`, { headers: { accept: 'text/html' } })).headers.get('content-type');
  expect(await typeOf('/north/dashboard/?x=1')).toMatch(/^text\/html/);
  expect(await typeOf('/north/data/a/b?from=/dashboard/')).toMatch(/^application\/problem\+json/);
});
