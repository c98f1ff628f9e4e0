// Databases of any name are reached by every kind of connection, and a URL that is none is not taken for a failure of the network.

import { createClient } from 'sluice/internal/client';
import { createListener, Database, migrate, Session, SessionPool } from 'sluice/internal/store';
import { createWriter } from 'sluice/internal/writer';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { execute } from '../support/postgres.ts';
import { model } from '../support/model.ts';
import { startSluice } from '../support/sluice.ts';

const name = `sluice_test_url_${process.pid} what?#/%25&@ü`;
const server = inject('postgresUrl');
const quoted = pg.escapeIdentifier(name);

function urlOf(database: string): string {
  const url = new URL(server);
  return `postgres://${url.username}:${url.password}@${url.host}/${database}`;
}

beforeAll(() => execute(server, `create database ${quoted}`).then(() => undefined));
afterAll(() => execute(server, `drop database ${quoted} with (force)`).then(() => undefined));

describe.each([
  ['in the URL', encodeURIComponent(name), undefined],
  ['in PGDATABASE', '', name],
])('a database whose name has ?, #, / and %%, given %s', (_, path, variable) => {
  test('every kind of connection reaches a database whose name has special characters, and keeps its own application name', async () => {
    const url = `${urlOf(path)}?application_name=another`;
    const before = process.env['PGDATABASE'];
    if (variable !== undefined) process.env['PGDATABASE'] = variable;
    onTestFinished(() => {
      if (before === undefined) delete process.env['PGDATABASE'];
      else process.env['PGDATABASE'] = before;
    });
    await migrate({ url });
    const applicationName = 'test url';
    const database = new Database({ url, applicationName });
    const session = await Session.open({ url, applicationName });
    const pool = new SessionPool({ url, applicationName });
    const listener = createListener({ url, applicationName, notifications: true });
    onTestFinished(async () => {
      await Promise.all([database.close(), session.close(), pool.close(), listener.close()]);
    });
    await listener.listen('sluice_test', () => undefined);
    const current = 'select current_database() as name';
    expect(await session.query(current)).toEqual([{ name }]);
    expect(await pool.use((each) => each.query(current))).toEqual([{ name }]);
    expect(await database.run('readAbility', [['settle']])).toMatchObject([{ missing: [] }]);
    expect(
      await execute(
        server,
        `select count(distinct pid)::integer as connections from pg_stat_activity
        where datname = ${pg.escapeLiteral(name)} and application_name = 'test url'`,
      ),
    ).toEqual([{ connections: 4 }]);
  });
});

test.each([
  ['nonsense', 'it does not begin with postgres://'],
  ['https://u:S3cret@a/db', 'it does not begin with postgres:// or postgresql://'],
  ['postgres://u:S3#cret@127.0.0.1/db', 'its user name or password holds a #'],
  ['postgres://u:S3/cret@127.0.0.1/db', 'its user name or password holds a character that is written as %'],
  ['postgres://u:S3cret@127.0.0.1:x,b/db', 'its port is not a number from 1 to 65535'],
])('a client, a writer and a listener say of %s which part is malformed', async (url, reason) => {
  const refusal = {
    code: 'configuration_invalid',
    message: expect.stringMatching(
      new RegExp(`^(?!.*(S3|cret)).*because ${reason.replaceAll('%', '\\%')}`),
    ) as string,
  };
  const starts = [
    () => createClient({ url, model }).start(),
    () => createClient({ url: server, listenUrl: url, model }).start(),
    () => createWriter({ url, model }).start(),
    () => migrate({ url }),
    () => Session.open({ url, applicationName: 'test' }),
  ];
  for (const start of starts) await expect((async () => start())()).rejects.toMatchObject(refusal);
});

test.each(['DATABASE_URL', 'SLUICE_LISTEN_URL', 'SLUICE_OPERATOR_URL'])(
  'the command line names %s',
  async (variable) => {
    const settings = {
      DATABASE_URL: 'postgres://127.0.0.1:1/db',
      SLUICE_MODEL: 'none.json',
      [variable]: 'postgres://u:S3#cret@127.0.0.1/db',
    };
    const { code, stderr } = await startSluice(['api'], settings).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`Cannot use the database URL because its user name or password holds a #`);
    expect(stderr).toContain(`(${variable})`);
    expect(stderr).not.toMatch(/S3|cret/);
  },
);
