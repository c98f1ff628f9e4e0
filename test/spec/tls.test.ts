// Nobody on the way reads along or answers instead of the server: TLS to PostgreSQL, and HTTPS to nodes.

import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { notifyListener, Session, urlWithTls } from 'sluice/internal/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAuthority, type Certificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startOwnServer, type OwnServer } from '../support/own-server.ts';
import { roleUrl } from '../support/postgres.ts';
import { sql } from '../support/sql.ts';
import { startSluice } from '../support/sluice.ts';

const model = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
const timeout = 60_000;
const authority = createAuthority('Authority of this test');
const stranger = createAuthority('Another authority');

/** Writes texts into files of a folder that is removed at the end, and gives their paths. */
async function filesOf<T extends Record<string, string>>(texts: T): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const paths = Object.entries(texts).map(async ([name, content]) => {
    const path = join(folder, `${name}.pem`);
    await writeFile(path, content, { mode: 0o600 });
    return [name, path];
  });
  return Object.fromEntries(await Promise.all(paths)) as T;
}

/** From now on the server shows this certificate, and refuses every connection without TLS. */
async function demandTls(server: OwnServer, { cert, key }: Certificate, hba: string): Promise<void> {
  const cluster = join(server.dataDir, 'cluster');
  const { uid, gid } = await stat(cluster);
  const files = { 'server.crt': cert, 'server.key': key, 'ca.crt': authority.cert, 'pg_hba.conf': hba };
  for (const [name, content] of Object.entries(files)) {
    const path = join(cluster, name);
    await writeFile(path, content, { mode: 0o600 });
    await chown(path, uid, gid);
  }
  await server.sql("alter system set ssl_ca_file = 'ca.crt'");
  await server.sql('alter system set ssl = on');
  await server.restart();
}

const withPassword = 'hostssl all all all scram-sha-256';

async function setup(names: string[], { hba = withPassword } = {}) {
  const server = await startOwnServer();
  await demandTls(server, authority.sign(...names), hba);
  const files = await filesOf({ ca: authority.cert, strange: stranger.cert });
  const port = Number(new URL(server.url).port);
  return { server, files, port };
}

async function demand(
  url: string,
  { ca, method = 'GET', body }: { ca?: string; method?: string; body?: unknown } = {},
) {
  const sent = request(url, {
    method,
    ca,
    headers: { 'content-type': 'application/json' },
  });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      void text(response).then((content) => resolve({ status: response.statusCode ?? 0, body: content }));
    });
  });
}

describe('a connection to PostgreSQL', () => {
  test(
    'every process uses TLS once the CA is given, and no connection is made without',
    { timeout },
    async () => {
      const { server, files } = await setup(['127.0.0.1']);
      const https = await filesOf({ ...authority.sign('127.0.0.1') });
      const of = (kind: 'writer' | 'api' | 'ops') => ({
        DATABASE_URL: roleUrl(server.url, kind),
        SLUICE_OPERATOR_URL: roleUrl(server.url, 'ops'),
      });
      const ca = ['--database-ca', files.ca];
      const plain = await startSluice(['status'], of('ops')).ended;
      expect(plain).toMatchObject({ code: 1, last: { error: { code: 'database_unavailable' } } });

      const writer = startSluice(['writer', '--model', model, ...ca], of('writer'));
      const node = startSluice(
        ['api', '--model', model, '--port', '0', ...ca, '--tls-cert', https.cert, '--tls-key', https.key],
        of('api'),
      );
      const [{ url }] = await Promise.all([node.event('ready'), writer.event('ready')]);
      expect(url).toMatch(/^https:/);
      const written = await demand(`${String(url)}/data/sample/schoolYearTypes`, {
        ca: authority.cert,
        method: 'POST',
        body: { schoolYear: 2031, schoolYearDescription: '2030-2031', currentSchoolYear: false },
      });
      expect(written).toMatchObject({ status: 201 });
      expect(await demand(`${String(url)}/dashboard/stuck`, { ca: authority.cert })).toMatchObject({
        status: 200,
      });
      await expect(demand(`${String(url)}/healthz`, { ca: stranger.cert })).rejects.toThrow(/certificate/);
      await expect(fetch(String(url).replace('https', 'http'))).rejects.toThrow('fetch failed');

      const rows = await sql(
        urlWithTls(server.url, { ca: files.ca }),
        `select distinct a.application_name as name, s.ssl from pg_stat_activity a join pg_stat_ssl s using (pid)
         where a.application_name like 'sluice%'`,
      );
      expect(rows.length).toBeGreaterThanOrEqual(4);
      expect(rows.filter(({ ssl }) => ssl !== true)).toEqual([]);
      const status = await startSluice(['status', ...ca], of('ops')).ended;
      expect(status.last).not.toHaveProperty('error');
    },
  );

  test(
    'a connection fails, and says why, where the server does not prove its identity',
    {
      timeout,
    },
    async () => {
      const { server, files } = await setup(['db.example.org']);
      const status = (settings: Record<string, string>, query = '') =>
        startSluice(['status'], { DATABASE_URL: roleUrl(server.url, 'ops') + query, ...settings }).ended;
      const [otherHost, otherAuthority, required, unverified, both, unknown] = await Promise.all([
        status({ SLUICE_DATABASE_CA: files.ca }),
        status({ SLUICE_DATABASE_CA: files.strange }),
        status({}, '?sslmode=require'),
        status({}, '?sslmode=no-verify'),
        status({ SLUICE_DATABASE_CA: files.ca }, '?sslmode=no-verify'),
        status({}, '?sslmode=allow'),
      ]);
      const unavailable = { code: 1, last: { error: { code: 'database_unavailable' } } };
      expect(otherHost).toMatchObject(unavailable);
      expect(otherHost.stderr).toBe(
        "Cannot reach PostgreSQL: the connection failed: the server's certificate is for another host name (ERR_TLS_CERT_ALTNAME_INVALID)\n",
      );
      for (const each of [otherAuthority, required]) {
        expect(each).toMatchObject(unavailable);
        expect(each.stderr).toMatch(
          /^Cannot reach PostgreSQL: the connection failed: no CA that is trusted here vouches for the server's certificate \(\w+\)\n$/,
        );
      }
      expect(unverified.last).not.toHaveProperty('error');
      expect(both).toMatchObject({ code: 2 });
      expect(both.stderr).toBe(
        'Cannot connect to PostgreSQL by TLS: a CA is given and sslmode=no-verify says not to use it\n',
      );
      expect(unknown.stderr).toBe(
        'Cannot connect to PostgreSQL by TLS: sslmode is none of disable, no-verify, prefer, require, verify-ca, verify-full\n',
      );
      const { password } = new URL(roleUrl(server.url, 'ops'));
      for (const { stderr, last } of [otherHost, otherAuthority, required, both]) {
        expect(stderr + JSON.stringify(last)).not.toContain(password);
      }
    },
  );

  test(
    'a connection checks the name of the server that it moved to, and shows its own certificate',
    {
      timeout,
    },
    async () => {
      const { server, files, port } = await setup(['127.0.0.1'], {
        hba: 'hostssl all all all cert map=test',
      });
      await writeFile(join(server.dataDir, 'cluster/pg_ident.conf'), 'test me postgres\n');
      await server.restart();
      const { cert, key } = authority.sign('me');
      const own = await filesOf({ cert, key });
      const urls = `postgres://postgres@localhost:1,127.0.0.1:${port}/sluice`;
      const url = urlWithTls(urls, { ca: files.ca, ...own });
      const listener = notifyListener({ url, applicationName: 'test' });
      onTestFinished(() => listener.close());
      await listener.listen('channel', () => undefined);
      await eventually(() => expect(listener.isListening).toBe(true));

      const anonymous = Session.open({
        url: urlWithTls(urls, { ca: files.ca }),
        applicationName: 'test',
      });
      await expect(anonymous).rejects.toThrow('28000');
    },
  );

  test('TLS settings that name missing files are refused', { timeout }, async () => {
    const { cert } = authority.sign('a');
    const { key } = authority.sign('b');
    const files = await filesOf({ cert, key, none: 'nothing' });
    const url = 'postgres://a/b';
    expect(() => urlWithTls(url, { ca: '/nowhere' })).toThrow('cannot be read (ENOENT): /nowhere');
    expect(() => urlWithTls(url, { ca: files.none })).toThrow('holds no certificate');
    expect(() => urlWithTls(url, { cert: files.cert })).toThrow('one is missing');
    expect(() => urlWithTls(url, { cert: files.cert, key: files.key })).toThrow('no certificate and its key');
    expect(() => urlWithTls('postgres://a/b?sslmode=disable', { ca: files.cert })).toThrow('sslmode=disable');
    expect(() => urlWithTls('postgres://a/b?sslmode=disable,postgres://c/b?sslmode=require', {})).toThrow(
      'differ in their sslmode',
    );
  });
});

describe('HTTPS', () => {
  test('HTTPS is not started with half of what it needs', { timeout }, async () => {
    const files = await filesOf({ cert: authority.cert, key: stranger.key });
    const start = (command: string, args: readonly string[]) =>
      startSluice([command, '--model', model, '--port', '0', ...args], {
        DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
      }).ended;
    const [certOnly, keyOnly, unfit] = await Promise.all([
      start('api', ['--tls-cert', files.cert]),
      start('dashboard', ['--tls-key', files.key]),
      start('api', ['--tls-cert', files.cert, '--tls-key', files.key]),
    ]);
    expect(certOnly).toMatchObject({
      code: 2,
      stderr: 'Cannot start: --tls-cert is given without --tls-key (SLUICE_TLS_KEY)\n',
    });
    expect(keyOnly).toMatchObject({
      code: 2,
      stderr: 'Cannot start: --tls-key is given without --tls-cert (SLUICE_TLS_CERT)\n',
    });
    expect(unfit).toMatchObject({ code: 2 });
    expect(unfit.stderr).toContain('--tls-cert and --tls-key are not a certificate and its key');
  });
});
