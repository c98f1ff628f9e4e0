// Every route of a node against everybody who must not use it. The routes are those that the server has: one that is new
// needs its row here. docs/reference/access.md shows the answers; UPDATE_DOCS=1 writes it.

import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { profile as edFiProfile } from '@sluice/edfi/profile';
import { Authenticator, createApi, createApiKey, type Access } from '@sluice/server/api';
import { createClient, type SluiceClient } from 'sluice/internal/client';
import { dashboardRoutes } from '@sluice/server/dashboard';
import { Database } from 'sluice/internal/store';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { createIssuer, forgeries, type Issuer } from '../support/issuer.ts';
import { tableInPlace } from '../support/markdown-part.ts';
import { model, resource } from '../support/model.ts';
import { sql } from '../support/sql.ts';
import { upsert } from '../support/world.ts';

interface Row {
  access: Access;
  /** Scopes that suffice. */
  scopes?: string;
  /** Others, of which each alone does not. */
  others?: string[];
  /** A request that means this client's own write, and one that means another's, answered 404. */
  isOwn?: boolean;
}

const read: Row = {
  access: 'read',
  scopes: 'read:test/notes',
  others: ['write:*', 'read:test/schools', 'read:other/*', 'operate', 'bodies', ''],
};
const write: Row = {
  access: 'write',
  scopes: 'write:test/notes',
  others: ['read:*', 'write:test/schools', 'write:other/*', 'operate', 'bodies', ''],
};
const own: Row = { access: 'own', scopes: 'write:test/schools', others: ['operate', 'bodies', ''] };
const open: Row = { access: 'open' };
const operate: Row = {
  access: 'operate',
  scopes: 'operate',
  others: ['read:*', 'write:*', 'bodies', ''],
};

const target: Row = {
  access: 'target',
  scopes: 'write:public.note',
  others: ['read:*', 'write:public.other', 'write:Public.*', 'write:test/*', 'operate', 'bodies', ''],
};

/** By method and path. */
const rows: Record<string, Row> = {
  'GET /healthz': open,
  'GET /readyz': open,
  'GET /openapi.json': open,
  'GET /docs': open,
  'GET /docs/*': open,
  'GET /metrics': operate,
  'POST /data/:project/:resource': write,
  'PUT /data/:project/:resource/:id': write,
  'DELETE /data/:project/:resource/:id': write,
  'GET /data/:project/:resource/:id': read,
  'GET /data/:project/:resource': read,
  'POST /bulk': { access: 'lines', scopes: 'write:test/notes', others: ['read:*', 'operate', 'bodies', ''] },
  'POST /rest/:table': target,
  'PUT /rest/:table': target,
  'PATCH /rest/:table': target,
  'DELETE /rest/:table': target,
  'POST /rest/rpc/:name': { ...target, others: ['read:*', 'operate', 'bodies', ''] },
  'GET /writes/:id': { ...own, isOwn: true },
  'POST /writes/query': { ...own, isOwn: true },
  'GET /dashboard': open,
  'GET /dashboard/assets/*': open,
  'GET /dashboard/session': operate,
  'GET /dashboard/live': operate,
  'GET /dashboard/stuck': operate,
  'GET /dashboard/stuck/count': operate,
  'GET /dashboard/find': operate,
  'GET /dashboard/writes/:id': operate,
  'GET /dashboard/writes/:id/body': {
    access: 'bodies',
    scopes: 'operate bodies',
    others: ['read:*', 'write:*', 'operate', 'bodies', ''],
  },
  'GET /dashboard/actions': operate,
  'POST /dashboard/retry': operate,
  'POST /dashboard/discard': operate,
  'POST /dashboard/pause': operate,
  'POST /dashboard/resume': operate,
  'POST /dashboard/drain': operate,
};

/** What nodes that speak Ed-Fi have beside. */
const edFiRows: Record<string, Row> = {
  'GET /': open,
  'GET /metadata': open,
  'GET /metadata/dependencies': open,
  'GET /metadata/specifications': open,
  'GET /metadata/specifications/resources-spec.json': open,
  'GET /metadata/specifications/descriptors-spec.json': open,
};

const database = useDatabase();
const folder = mkdtempSync(join(tmpdir(), 'sluice-jwks-'));
let client: SluiceClient;
let operator: Database;
let issuer: Issuer;

beforeAll(async () => {
  operator = new Database({ url: database.opsUrl, applicationName: 'sluice test', connectionsMax: 2 });
  issuer = await createIssuer();
  writeFileSync(join(folder, 'jwks.json'), issuer.jwks);
  const role = new URL(database.writerUrl).username;
  await sql(
    database.url,
    `create table note (id bigint primary key);
     grant select, insert, update, delete on note to ${role}`,
  );
  client = createClient({ url: database.writerUrl, model, mode: 'direct', targets: [{ table: 'note' }] });
  await client.start();
});
afterAll(async () => {
  await client.stop();
  await operator.close();
  rmSync(folder, { recursive: true });
});

type Api = ReturnType<typeof createApi>;

/** A node, and the routes it has. */
async function startApi(profile: 'native' | 'edfi'): Promise<{ api: Api; routes: Map<string, Access> }> {
  const auth = new Authenticator({
    keys: { readKeys: async () => [] },
    tokens: { issuer: issuer.name, audience: 'sluice', jwks: join(folder, 'jwks.json') },
  });
  const api = createApi({
    client,
    auth,
    ...(profile === 'edfi' ? { profile: edFiProfile } : {}),
    corsOrigins: ['https://app.example.org'],
    metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
    routes: [dashboardRoutes({ database: operator, model, isReadOnly: false })],
  });
  const routes = new Map<string, Access>();
  // Routes are added as the server gets ready, so this hears of all of them.
  api.addHook('onRoute', ({ method, url, config }) => {
    for (const each of [method].flat()) {
      // Headers of what GET gives, and preflight requests: they come with the others.
      if (each === 'HEAD' || (each === 'OPTIONS' && url === '*')) continue;
      // Of the pages, each file is a route.
      const path = url.replace(/^\/docs\/.+|(?<=^\/dashboard\/assets\/).+/, (file) =>
        file.startsWith('/docs') ? '/docs/*' : '*',
      );
      routes.set(`${each} ${path.replace(/(?<=.)\/$/, '')}`, config!.access!);
    }
  });
  await api.ready();
  return { api, routes };
}

interface Means {
  documentId?: string;
  writeId?: string;
}

async function ask(api: Api, route: string, token: string | null, means: Means = {}) {
  const [method = '', path = ''] = route.split(' ');
  const { documentId = randomUUID(), writeId = randomUUID() } = means;
  const url = path
    .replace(':project/:resource', 'test/notes')
    .replace('/rest/:table', '/rest/note?id=eq.1')
    .replace('/rpc/:name', '/rpc/nothing')
    .replace('/docs/*', '/docs/static/index.html')
    .replace('/assets/*', '/assets/style.css')
    .replace('/writes/:id', `/writes/${writeId}`)
    .replace(':id', documentId);
  const isBulk = path === '/bulk';
  const payload = isBulk
    ? '{"endpoint":"test/notes","document":{"noteId":1}}\n'
    : path === '/writes/query'
      ? JSON.stringify({ ids: [writeId] })
      : '{"noteId":1}';
  const hasBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
  const isEndless = path === '/dashboard/live';
  const response = await api.inject({
    method: method as 'GET',
    url,
    payloadAsStream: isEndless,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(hasBody ? { 'content-type': isBulk ? 'application/x-ndjson' : 'application/json' } : {}),
    },
    ...(hasBody ? { payload } : {}),
  });
  if (isEndless) response.stream().destroy();
  return response;
}

describe.each(['native', 'edfi'] as const)('a node that speaks %s', (profile) => {
  const expected = profile === 'native' ? rows : { ...rows, ...edFiRows };
  let api: Api;
  let routes: Map<string, Access>;
  beforeAll(async () => {
    ({ api, routes } = await startApi(profile));
    return () => api.close();
  });

  test('a node has exactly the routes of the table, each with the access that the table names', () => {
    const told = Object.fromEntries(Object.entries(expected).map(([route, { access }]) => [route, access]));
    expect(Object.fromEntries(routes)).toEqual(told);
  });

  const routesWhere = (holds: (row: Row) => boolean) =>
    Object.keys(expected).filter((route) => holds(expected[route]!));

  test.each(routesWhere(({ access }) => access === 'open'))(
    'a public route answers any client: %s',
    async (route) => {
      expect((await ask(api, route, null)).statusCode).toBeLessThan(400);
    },
  );

  test.each(routesWhere(({ access }) => access !== 'open'))(
    'a protected route answers a client that may ask: %s',
    async (route) => {
      const { scopes = '', others = [] } = expected[route]!;
      const anonymous = await ask(api, route, null);
      expect(anonymous.statusCode).toBe(401);
      expect(anonymous.headers['www-authenticate']).toMatch(/^Bearer /);
      const claims = { client_id: 'a', scope: 'read:* write:* operate bodies' };
      const forged = await issuer.forge(claims);
      for (const forgery of forgeries) {
        const { statusCode } = await ask(api, route, forged[forgery]);
        expect({ forgery, statusCode }).toEqual({ forgery, statusCode: 401 });
      }
      expect((await ask(api, route, createApiKey().text)).statusCode).toBe(401);
      for (const scope of others) {
        const { statusCode } = await ask(api, route, await issuer.sign({ ...claims, scope }));
        expect({ scope, statusCode }).toEqual({ scope, statusCode: 403 });
      }
      const admitted = await ask(api, route, await issuer.sign({ ...claims, scope: scopes }));
      expect([401, 403]).not.toContain(admitted.statusCode);
    },
  );

  test.each(routesWhere(({ isOwn }) => isOwn === true))(
    'a route shows a write to its own client alone: %s',
    async (route) => {
      expect(await askForAnothers(api, route)).toBe(404);
    },
  );

  test('a refused client writes nothing', async () => {
    const before = await client.countDocuments(resource('notes'));
    for (const route of Object.keys(expected)) await ask(api, route, null);
    expect(await client.countDocuments(resource('notes'))).toBe(before);
  });
});

/** 404, if another client's write is not there for this one while it is for its owner; of a list, if it is left out. */
async function askForAnothers(api: Api, route: string): Promise<number> {
  const { writeId } = await client.submit(upsert('notes', { noteId: Date.now() }, { client: 'owner' }));
  const of = async (name: string) =>
    ask(api, route, await issuer.sign({ client_id: name, scope: 'write:*' }), { writeId });
  const [mine, others] = [await of('owner'), await of('other')];
  expect(mine.statusCode).toBe(200);
  expect(mine.body).toContain(writeId);
  if (route !== 'POST /writes/query') return others.statusCode;
  return others.body === '[]' ? 404 : others.statusCode;
}

test('docs/reference/access.md shows the routes', async () => {
  const { api } = await startApi('edfi');
  const forged = await issuer.forge({ client_id: 'a', scope: 'read:* write:* operate bodies' });
  const noScope = await issuer.sign({ client_id: 'a', scope: '' });
  const lines = [];
  for (const [route, { access, scopes, isOwn }] of Object.entries({ ...rows, ...edFiRows })) {
    const statuses: (number | string)[] = [(await ask(api, route, null)).statusCode];
    if (access !== 'open') {
      for (const forgery of forgeries) statuses.push((await ask(api, route, forged[forgery])).statusCode);
      statuses.push((await ask(api, route, noScope)).statusCode);
      statuses.push(isOwn === true ? await askForAnothers(api, route) : '');
    }
    const needed = access === 'lines' ? `${scopes}, for each line` : (scopes ?? 'open');
    lines.push([
      `\`${route}\`${route in edFiRows ? ' (Ed-Fi)' : ''}`,
      access === 'own' ? 'any' : needed,
      ...statuses,
    ]);
  }
  await api.close();
  const head = ['route', 'scope', 'no token', ...forgeries, 'no scope', 'another’s'];
  const { text, expected } = await tableInPlace('routes', head, lines);
  expect(text).toBe(expected);
});

test('the tests that docs/security.md names exist', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const named = readFileSync(join(root, 'docs/security.md'), 'utf8').match(/`[\w/.-]+\.test\.ts`/g) ?? [];
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !existsSync(join(root, name.slice(1, -1))))).toEqual([]);
});
