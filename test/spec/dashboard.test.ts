// What the server of the operators' page answers, and to whom. What the page makes of it is in test/browser.

import { createApi } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import { createDashboardServer, dashboardRoutes, type DashboardOptions } from '@sluice/server/dashboard';
import { Database } from 'sluice/internal/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { startSluice } from '../support/sluice.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { startWorld } from '../support/world.ts';

const database = useDatabase();

function open(url = database.opsUrl): Database {
  const operator = new Database({ url, applicationName: 'sluice test', connectionsMax: 3 });
  onTestFinished(() => operator.close());
  return operator;
}

function setup(options: Partial<DashboardOptions> = {}, auth?: 'none') {
  const server = createDashboardServer(
    { database: open(), model, isReadOnly: false, intervalMs: 20, ...options },
    { auth },
  );
  onTestFinished(() => server.close());
  return server;
}

interface Told {
  name: string;
  data: Record<string, unknown>;
}

/** Events of a live stream until one says that what is there was read. */
async function listen(url: string, until: (told: Told) => boolean = ({ name }) => name === 'read') {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await fetch(url, { signal: abort.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    response,
    async next(): Promise<Told[]> {
      const told: Told[] = [];
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end < 0) {
          const { done, value } = await reader.read();
          if (done) return told;
          text += value;
          continue;
        }
        const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
        text = text.slice(end + 2);
        told.push({ name, data: JSON.parse(data) as Told['data'] });
        if (until(told.at(-1)!)) return told;
      }
    },
  };
}

describe('the dashboard', () => {
  test('the dashboard tells browsers to load nothing but its own files, and to run no other scripts', async () => {
    const { headers, body } = await setup().inject({ url: '/dashboard/' });
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/default-src 'none';.*script-src 'self';.*require-trusted-types-for 'script'/);
    expect(policy).not.toMatch(/unsafe|data:|\*/);
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    expect(body).not.toMatch(/<script(?![^>]* src="assets\/)|\son\w+=|\sstyle=/);
    const moved = await setup().inject({ url: '/dashboard?a=b' });
    expect([moved.statusCode, moved.headers.location]).toEqual([308, 'dashboard/?a=b']);
  });

  test('the dashboard refuses requests of pages of another site, and bodies that are not JSON', async () => {
    const server = setup();
    const ask = async (headers: Record<string, string>, payload = '{"lanes":[0]}') =>
      (await server.inject({ method: 'POST', url: '/dashboard/pause', headers, payload })).statusCode;
    const json = { 'content-type': 'application/json' };
    for (const site of ['cross-site', 'same-site'])
      expect(await ask({ ...json, 'sec-fetch-site': site })).toBe(403);
    // What a form of such a page sends, and it is no page that is looked at.
    const navigation = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect(await ask({ ...json, ...navigation })).toBe(403);
    const page = await server.inject({ url: '/dashboard/', headers: navigation });
    expect(page.statusCode).toBe(200);
    expect(await ask({ 'content-type': 'text/plain' })).toBe(415);
    expect(await ask({ 'content-type': 'application/x-www-form-urlencoded' })).toBe(415);
    // It is let in, and has no such lane yet.
    expect(await ask({ ...json, 'sec-fetch-site': 'same-origin' })).toBe(400);
  });

  test('a dashboard without authentication answers only to the names of its machine', async () => {
    const ask = async (host: string, auth?: 'none') =>
      (await setup({}, auth).inject({ url: '/dashboard/session', headers: { host } })).statusCode;
    expect(await ask('localhost:8090')).toBe(200);
    expect(await ask('127.0.0.1')).toBe(200);
    expect(await ask('[::1]:8090')).toBe(200);
    for (const host of [
      'rebound.example.org:8090',
      '127.0.0.1.example.org',
      'localhost.example.org',
      '127evil.org',
    ])
      expect(await ask(host)).toBe(403);
    expect(await ask('sluice.example.org', 'none')).toBe(200);
  });

  test('the page of a store leads to the other stores, except at a host of the store, where that path is its own', async () => {
    const server = setup({ store: 'west', hosts: ['west.example.org'] }, 'none');
    const hasPicker = async (host: string): Promise<unknown> =>
      (await server.inject({ url: '/dashboard/session', headers: { host } })).json<{ hasPicker: boolean }>()
        .hasPicker;
    expect(await hasPicker('west.example.org:8080')).toBe(false);
    expect(await hasPicker('West.example.org.')).toBe(false);
    expect(await hasPicker('node-1.example.org')).toBe(true);
    const alone = await setup().inject({ url: '/dashboard/session' });
    expect(alone.json()).toMatchObject({ hasPicker: false, store: null });
  });

  test.each([
    ['/dashboard/stuck?lane=x', 'lane'],
    ['/dashboard/stuck?reason=bored', 'reason'],
    ['/dashboard/stuck?limit=100000', 'limit'],
    ['/dashboard/stuck?olderThanSeconds=-1', 'olderThanSeconds'],
    ['/dashboard/find?text=', 'text'],
    ['/dashboard/find?text=%00', 'text'],
    ['/dashboard/stuck?client=%00', 'client'],
    ['/dashboard/writes/no-id', 'no-id'],
    ['/dashboard/stuck?lnae=3', 'lnae'],
    ['/dashboard/stuck/count?after=x', 'after'],
    ['/dashboard/find?text=x&lane=1', 'lane'],
    ['/dashboard/actions?after=1', 'after'],
    ['/dashboard/session?x=1', 'x'],
    ['/dashboard/live?x=1', 'x'],
    [`/dashboard/writes/${crypto.randomUUID()}?x=1`, 'x'],
    [`/dashboard/writes/${crypto.randomUUID()}/body?x=1`, 'x'],
    ['/dashboard/stuck?lane=32768', 'lane'],
  ])('the dashboard names the fault of %s', async (url, named) => {
    const response = await setup().inject({ url });
    expect(response.statusCode).toBe(400);
    expect(response.json<{ detail: string }>().detail).toContain(named);
  });

  test('the dashboard acts on nothing that was not named, nor on everything', async () => {
    const server = setup();
    for (const payload of [{}, { target: {} }, { target: { matching: {} } }, { target: { all: true } }]) {
      const { statusCode } = await server.inject({ method: 'POST', url: '/dashboard/discard', payload });
      expect(statusCode).toBe(400);
    }
  });

  test('a read-only dashboard shows everything and changes nothing', async () => {
    const server = setup({ isReadOnly: true });
    expect((await server.inject({ url: '/dashboard/session' })).json()).toMatchObject({ isReadOnly: true });
    for (const action of ['retry', 'discard', 'pause', 'resume', 'drain']) {
      const { statusCode } = await server.inject({
        method: 'POST',
        url: `/dashboard/${action}`,
        payload: {},
      });
      expect({ action, statusCode }).toEqual({ action, statusCode: 403 });
    }
  });

  test('the dashboard says that its role may read and not act', async () => {
    const server = setup({ database: open(database.apiUrl) });
    expect((await server.inject({ url: '/dashboard/stuck' })).statusCode).toBe(200);
    const world = await startWorld(database.url);
    const paused = await server.inject({ method: 'POST', url: '/dashboard/pause', payload: { lanes: [0] } });
    expect(paused.json()).toMatchObject({
      status: 403,
      detail: expect.stringContaining('--operator-url') as string,
    });
    expect(await world.sql('select from sluice.lane where paused_at is not null')).toEqual([]);
  });

  test('the routes of the dashboard are in no list of the API', async () => {
    const client = createClient({ url: database.url, model, mode: 'direct' });
    const routes = [dashboardRoutes({ database: open(), model, isReadOnly: false })];
    const api = createApi({ client, routes });
    onTestFinished(() => api.close());
    const { body } = await api.inject({ url: '/openapi.json' });
    expect(body).not.toContain('/dashboard');
  });
});

describe('the live stream', () => {
  test('the live stream sends everything once, and then what has changed', async () => {
    const world = await startWorld(database.url);
    const address = await setup().listen({ port: 0, host: '127.0.0.1' });
    const stream = await listen(`${address}/dashboard/live`);
    expect(stream.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const [lanes] = await stream.next();
    expect(lanes).toMatchObject({ name: 'lanes', data: { count: 16 } });
    await eventually(async () => {
      expect((await stream.next()).map(({ name }) => name)).toEqual(['read']);
    });
    await world.sql(`update sluice.lane set paused_at = now(), paused_by = 'alice' where lane = 3`);
    const told = await eventually(async () => {
      const [changed] = await stream.next();
      expect(changed!.name).toBe('lanes');
      return changed!.data['lanes'] as object[];
    });
    expect(told).toMatchObject([{ lane: 3, reason: 'lane_paused', pausedBy: 'alice' }]);
    await world.sql('update sluice.lane set paused_at = null, paused_by = null');
  });

  test('the live stream reads once for all viewers', async () => {
    let reads = 0;
    const counting = open();
    const run = counting.run.bind(counting);
    counting.run = (name, values) => {
      if (name === 'listLanes') reads += 1;
      return run(name, values);
    };
    const server = setup({ database: counting, intervalMs: 60_000 });
    const address = await server.listen({ port: 0, host: '127.0.0.1' });
    const streams = await Promise.all([1, 2, 3].map(() => listen(`${address}/dashboard/live`)));
    for (const stream of streams) expect((await stream.next()).at(-1)?.name).toBe('read');
    expect(reads).toBe(1);
  });

  test('the live stream says that the database is away, and goes on when it is back', async () => {
    const proxy = await openTcpProxy(database.opsUrl);
    onTestFinished(() => proxy.close());
    const away = setup({ database: open(proxy.url) });
    const address = await away.listen({ port: 0, host: '127.0.0.1' });
    const stream = await listen(
      `${address}/dashboard/live`,
      ({ name }) => name === 'read' || name === 'failed',
    );
    expect((await stream.next()).at(-1)?.name).toBe('read');
    proxy.refuse(true);
    proxy.cut();
    await eventually(async () => {
      const last = (await stream.next()).at(-1);
      expect(last).toMatchObject({
        name: 'failed',
        data: { message: expect.stringContaining('Cannot read the database: connection') as string },
      });
    });
    const { status } = await fetch(`${address}/dashboard/actions`);
    expect(status).toBe(503);
    proxy.refuse(false);
    await eventually(async () => expect((await stream.next()).at(-1)?.name).toBe('read'));
  });

  test('the live stream ends when the server stops', async () => {
    const server = setup();
    const address = await server.listen({ port: 0, host: '127.0.0.1' });
    const stream = await listen(`${address}/dashboard/live`);
    await stream.next();
    await server.close();
    await eventually(async () => expect(await stream.next()).toEqual([]));
  });
});

describe('sluice dashboard', () => {
  test('sluice dashboard serves the page without nodes and writers, and stops when told to', async () => {
    const running = startSluice(['dashboard', '--port', '0', '--dashboard', 'read-only'], {
      DATABASE_URL: database.opsUrl,
    });
    const { url } = await running.event('ready');
    expect(await (await fetch(String(url))).text()).toContain('<title>Sluice</title>');
    const session = await (await fetch(`${String(url)}session`)).json();
    expect(session).toMatchObject({ client: '', isReadOnly: true });
    running.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });

  test('sluice dashboard serves other machines only with authentication settings', async () => {
    const { ended } = startSluice(['dashboard', '--host', '0.0.0.0'], { DATABASE_URL: database.url });
    const { code, last } = await ended;
    expect(code).toBe(2);
    expect(JSON.stringify(last)).toContain('--auth');
  });
});
