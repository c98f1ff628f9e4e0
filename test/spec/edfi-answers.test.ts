// What the Ed-Fi profile says in headers and in URLs of its own, with a client that answers as it is told.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApi, type ApiOptions } from '@sluice/server/api';
import { SluiceError } from 'sluice/internal/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { startSluice } from '../support/sluice.ts';
import { FakeClient } from '../../packages/server/src/api/test-support.ts';
import { profile } from '@sluice/edfi/profile';

const database = useDatabase();

function setup(options: Partial<ApiOptions> = {}) {
  const client = new FakeClient();
  const api = createApi({ client, profile, ...options });
  const urlsOf = async (host: string): Promise<string[]> => {
    const headers = { host, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example' };
    const at = (url: string) => api.inject({ url: `${options.basePath ?? ''}${url}`, headers });
    const [root, metadata, list, specification] = await Promise.all(
      ['/', '/metadata', '/metadata/specifications', '/metadata/specifications/resources-spec.json'].map(at),
    );
    const posted = await api.inject({
      method: 'POST',
      url: `${options.basePath ?? ''}/data/ed-fi/schools`,
      headers: { ...headers, 'content-type': 'application/json' },
      payload: '{"schoolId": 1}',
    });
    const { urls } = root!.json<{ urls: Record<string, string> }>();
    return [
      ...Object.values(urls),
      ...Object.values(metadata!.json<Record<string, string>>()),
      ...list!.json<{ endpointUri: string }[]>().map(({ endpointUri }) => endpointUri),
      ...specification!.json<{ servers: { url: string }[] }>().servers.map(({ url }) => url),
      String(posted.headers['location']),
    ];
  };
  return { client, api, urlsOf };
}

test.for([
  {
    what: 'the public URL',
    publicUrl: 'https://api.example.org',
    host: 'node-1:8080',
    root: 'https://api.example.org',
  },
  {
    what: 'the scheme of the public URL with a name of its data store',
    publicUrl: 'https://api.example.org',
    host: 'North.Example.org:8443',
    root: 'https://North.Example.org:8443',
  },
  {
    what: 'the request, without a public URL',
    publicUrl: undefined,
    host: 'node-1:8080',
    root: 'http://node-1:8080',
  },
])('absolute URLs of the Ed-Fi profile begin with $what', async ({ publicUrl, host, root }) => {
  const { urlsOf } = setup({ basePath: '/v1', publicUrl, hosts: ['north.example.org'] });
  const urls = await urlsOf(host);
  expect(urls).toHaveLength(9);
  for (const url of urls) expect(url).toMatch(new RegExp(`^${root}/v1/(data|metadata)`));
});

test('the Ed-Fi profile asks for the time after which a retry makes sense', async () => {
  const { client, api } = setup();
  client.answer = () => {
    throw new SluiceError('overloaded', undefined, { retryAfterSeconds: 5 });
  };
  const headers = { 'content-type': 'application/json' };
  const send = () =>
    api.inject({ method: 'POST', url: '/data/ed-fi/schools', headers, payload: '{"schoolId": 1}' });
  expect((await send()).headers['retry-after']).toBe('5');
  client.answer = () => {
    throw new SluiceError('overloaded');
  };
  expect((await send()).headers['retry-after']).toBe('1');
});

/** The smallest schema of Ed-Fi's form. */
const schema = {
  projectSchemas: {
    'ed-fi': {
      projectName: 'Ed-Fi',
      abstractResources: {},
      resourceSchemas: {
        terms: {
          resourceName: 'Term',
          isDescriptor: false,
          isResourceExtension: false,
          allowIdentityUpdates: false,
          identityJsonPaths: ['$.termId'],
          documentPathsMapping: {},
          isSubclass: false,
          jsonSchemaForInsert: { type: 'object', properties: { termId: { type: 'integer' } } },
        },
      },
    },
  },
};

test('sluice api --public-url begins URLs with it, also for the host names of data stores', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-urls-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [model, stores] = ['model.json', 'stores.json'].map((name) => join(folder, name)) as [string, string];
  await writeFile(model, JSON.stringify(schema));
  const north = { databaseUrl: database.url, hosts: ['north.example.org'] };
  await writeFile(stores, JSON.stringify({ stores: { north } }));
  const place = ['--model', model, '--stores', stores, '--public-url', 'https://api.example.org'];
  const node = startSluice(['api', ...place, '--port', '0', '--mode', 'direct', '--config', 'none']);
  const { url } = await node.event('ready');
  const dataUrl = async (path: string, host: string): Promise<unknown> => {
    const asked = request(`${url as string}${path}`, { headers: { host } }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const body = (await response.setEncoding('utf8').toArray()).join('');
    return (JSON.parse(body) as { urls: Record<string, string> }).urls['dataManagementApi'];
  };
  expect(await dataUrl('/north/', '127.0.0.1')).toBe('https://api.example.org/north/data');
  expect(await dataUrl('/', 'north.example.org')).toBe('https://north.example.org/north/data');
});
