// Who may do what on a node, as operators and clients see it: keys made and revoked by the command line, tokens of an
// issuer, and what each client sees of another.

import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createIssuer } from '../support/issuer.ts';
import { execute } from '../support/postgres.ts';
import { readHere } from '../support/run-here.ts';
import { createDataDir, startSluice } from '../support/sluice.ts';

const database = useDatabase();
const model = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
const timeout = 60_000;
const path = '/data/sample/gradeLevelDescriptors';

/** Without a hook of the test, as hooks make keys too. */
const run = (args: readonly string[], settings: Record<string, string> = {}) =>
  startSluice(args, { DATABASE_URL: database.opsUrl, ...settings }, () => undefined).ended;

const keys = (...args: string[]) => readHere(['keys', ...args], { DATABASE_URL: database.opsUrl });

async function startNode(args: string[], atEnd?: (kill: () => void) => void): Promise<string> {
  const node = startSluice(
    ['api', '--model', model, '--port=0', '--mode=direct', '--log-level=warn', ...args],
    { DATABASE_URL: database.writerUrl },
    atEnd,
  );
  return String((await node.event('ready'))['url']);
}

async function createKey(client: string, scopes = 'read:*,write:*', ...more: string[]) {
  const { code, last } = await keys('create', '--client', client, '--scopes', scopes, ...more);
  expect(code).toBe(0);
  return last as { key: string; prefix: string; client: string; scopes: string[]; expiresAt: string | null };
}

const descriptor = (codeValue: string): string =>
  JSON.stringify({ namespace: 'uri://sample.org/GradeLevelDescriptor', codeValue, shortDescription: 'x' });

const post = (url: string, key: string | null, codeValue: string, headers: Record<string, string> = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: descriptor(codeValue),
  });

const get = (url: string, key: string) => fetch(url, { headers: { authorization: `Bearer ${key}` } });

describe('a node that lets other machines in', () => {
  test(
    'a node that serves other machines does not start without authentication settings',
    { timeout },
    async () => {
      const args = ['api', '--model', model, '--port=0', '--mode=direct', '--host=0.0.0.0'];
      const { code, stderr } = await run(args);
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /^Cannot start: 0\.0\.0\.0 lets other machines connect, and no authentication is set/,
      );
      const open = startSluice([...args, '--auth=none'], { DATABASE_URL: database.writerUrl });
      await open.event('ready');
    },
  );

  test('sluice dev does not start such a node either', { timeout }, async () => {
    const { code, stderr } = await run(['dev', '--host=0.0.0.0', '--data-dir', await createDataDir()]);
    expect(code).toBe(2);
    expect(stderr).toContain('Cannot start: 0.0.0.0 lets other machines connect');
  });
});

describe('API keys', () => {
  let url: string;
  let loader: string;
  let other: string;
  beforeAll(async () => {
    let kill = (): void => undefined;
    url = await startNode(['--auth=keys'], (stop) => (kill = stop));
    loader = (await createKey('loader')).key;
    other = (await createKey('other')).key;
    return kill;
  }, timeout);

  test('API keys give access', { timeout }, async () => {
    expect((await post(url, loader, 'first')).status).toBe(201);
    const refused = await post(url, null, 'second');
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="sluice"');
    expect(await refused.json()).toMatchObject({ code: 'unauthenticated', status: 401 });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('API keys are kept as hashes, and shown without their secrets', { timeout }, async () => {
    const { last } = await run(['keys', 'list']);
    expect(last).toContainEqual(expect.objectContaining({ client: 'loader', isValid: true }));
    expect(JSON.stringify(last)).not.toContain(loader.slice(-43));
    const rows = await execute(database.url, 'select to_jsonb(k)::text as row from sluice.api_key k');
    expect(JSON.stringify(rows)).not.toContain(loader.slice(-43));
  });

  test('API keys keep the idempotency keys of clients apart', { timeout }, async () => {
    const headers = { 'idempotency-key': randomUUID() };
    expect((await post(url, loader, 'third', headers)).status).toBe(201);
    expect((await post(url, loader, 'third', headers)).status).toBe(201);
    expect((await post(url, loader, 'fourth', headers)).status).toBe(422);
    expect((await post(url, other, 'fourth', headers)).status).toBe(201);
  });

  test('API keys show no client the writes of another', { timeout }, async () => {
    expect((await post(url, loader, 'fifth')).status).toBe(201);
    const [row] = await execute(
      database.url,
      `select write_id from sluice.outcome where client = 'loader' limit 1`,
    );
    const write = `${url}/writes/${String(row?.['write_id'])}`;
    expect((await get(write, loader)).status).toBe(200);
    const absent = await get(write, other);
    expect(absent.status).toBe(404);
    expect(await absent.json()).toEqual(await (await get(`${url}/writes/${randomUUID()}`, other)).json());
  });

  test('API keys of one client are one client, so that one key replaces another', { timeout }, async () => {
    const next = await createKey('loader');
    const headers = { 'idempotency-key': randomUUID() };
    expect((await post(url, loader, 'sixth', headers)).status).toBe(201);
    expect((await post(url, next.key, 'seventh', headers)).status).toBe(422);
    const later = await keys('revoke', next.prefix, '--after-hours=24');
    expect(later.last).toMatchObject({ prefix: next.prefix, client: 'loader', revokedAt: null });
    expect(Date.parse(String(later.last['expiresAt']))).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    expect((await post(url, next.key, 'seventh')).status).toBe(201);
  });

  test('API keys end when they are revoked', { timeout }, async () => {
    const { key, prefix } = await createKey('leaver');
    expect((await post(url, key, 'eighth')).status).toBe(201);
    expect((await keys('revoke', prefix)).last).toMatchObject({ prefix, client: 'leaver' });
    await eventually(async () => expect((await post(url, key, 'ninth')).status).toBe(401));
    expect((await keys('revoke', prefix)).code).toBe(2);
    const noted = await execute(
      database.url,
      `select action, detail ->> 'client' as client from sluice.audit where target = 'key ${prefix}' order by audit_id`,
    );
    expect(noted).toEqual([
      { action: 'create_key', client: 'leaver' },
      { action: 'revoke_key', client: 'leaver' },
    ]);
  });

  test('API keys allow what their scopes say, line by line', { timeout }, async () => {
    const { key } = await createKey('narrow', 'write:sample/gradeLevelDescriptors');
    expect((await post(url, key, 'tenth')).status).toBe(201);
    const read = await get(url + path, key);
    expect(read.status).toBe(403);
    expect(await read.json()).toMatchObject({
      code: 'forbidden',
      detail: 'This needs the scope read:sample/gradeLevelDescriptors.',
    });
    const lines = ['gradeLevelDescriptors', 'schools'].map(
      (name) => `{"endpoint":"sample/${name}","document":${descriptor('eleventh')}}`,
    );
    const response = await fetch(`${url}/bulk`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    });
    const answers = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(answers).toContainEqual(expect.objectContaining({ line: 1, status: 201 }));
    expect(answers).toContainEqual(expect.objectContaining({ line: 2, status: 403 }));
  });

  test('a load may use API keys', { timeout }, async () => {
    const folder = await createDataDir();
    const [lines, token] = [join(folder, 'a.ndjson'), join(folder, 'token')];
    await writeFile(
      lines,
      `{"endpoint":"/sample/gradeLevelDescriptors","document":${descriptor('twelfth')}}`,
    );
    await writeFile(token, `${loader}\n`);
    const args = ['load', lines, '--nodes', url, '--model', model];
    expect(await run([...args, '--token-file', token])).toMatchObject({ code: 0, last: { created: 1 } });
    expect(await run(args, { SLUICE_TOKEN: loader })).toMatchObject({ code: 0, last: { unchanged: 1 } });
    expect(await run(args)).toMatchObject({ code: 1, last: { failed: 1 } });
  });
});

describe('tokens', () => {
  test('tokens of the issuer give access by their scopes', { timeout }, async () => {
    const issuer = await createIssuer();
    const folder = await createDataDir();
    const jwks = join(folder, 'jwks.json');
    await writeFile(jwks, issuer.jwks);
    const url = await startNode([
      '--auth=keys,jwt',
      `--jwt-issuer=${issuer.name}`,
      '--jwt-audience=sluice',
      `--jwt-jwks=${jwks}`,
    ]);
    const token = await issuer.sign({ client_id: 'district', scope: 'write:*' });
    expect((await post(url, token, 'token-1')).status).toBe(201);
    expect((await get(url + path, token)).status).toBe(403);
    expect((await post(url, (await createKey('beside')).key, 'token-2')).status).toBe(201);
    expect((await post(url, await issuer.sign({ aud: 'else' }), 'token-3')).status).toBe(401);
  });
});
