// A server, a database or a role may set anything. The functional smoke runs under settings that statements and parsers
// of ours could rely on, directly and through a pooler in transaction mode.

import { createApi } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import {
  listLanes,
  listStuck,
  pauseLanes,
  readStatus,
  resumeLanes,
  runDoctor,
  showWrite,
} from 'sluice/operator';
import {
  applyRoles,
  Database,
  detectPooler,
  migrate,
  readMigrations,
  Session,
  SessionPool,
} from 'sluice/internal/store';
import { createWriter } from 'sluice/internal/writer';
import { beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { patient } from '../support/patient.ts';
import { databaseUrl, execute, rolePrefix, roleUrl } from '../support/postgres.ts';
import { startSluice } from '../support/sluice.ts';
import { openConnection, sql } from '../support/sql.ts';
import { startTransactionPooler } from '../support/transaction-pooler.ts';
import { enrolment, fresh } from '../support/world.ts';

const database = useDatabase();
const timeout = 60_000;

type Hostile = Readonly<Record<string, string>>;

/** Forms of values and of literals. */
const forms: Hostile = {
  datestyle: `'SQL, DMY'`,
  intervalstyle: 'sql_standard',
  timezone: `'Asia/Kathmandu'`,
  extra_float_digits: '-15',
  bytea_output: 'escape',
  standard_conforming_strings: 'off',
  escape_string_warning: 'on',
  array_nulls: 'off',
  transform_null_equals: 'on',
  xmloption: 'document',
  quote_all_identifiers: 'on',
  lc_messages: `'C'`,
  lc_time: `'C'`,
  client_encoding: 'LATIN1',
  client_min_messages: 'debug1',
  search_path: 'hostile, pg_catalog, public',
  default_transaction_isolation: `'repeatable read'`,
  synchronous_commit: 'off',
};

/** Transactions, limits and plans. */
const limits: Hostile = {
  datestyle: `'German'`,
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  row_security: 'off',
  statement_timeout: '100',
  lock_timeout: '1',
  transaction_timeout: '100',
  idle_in_transaction_session_timeout: '1',
  idle_session_timeout: '300',
  exit_on_error: 'on',
  'plpgsql.extra_errors': `'all'`,
  search_path: `''`,
  plan_cache_mode: 'force_custom_plan',
  enable_nestloop: 'off',
  enable_indexscan: 'off',
  enable_indexonlyscan: 'off',
  enable_bitmapscan: 'off',
  enable_tidscan: 'off',
  join_collapse_limit: '1',
  from_collapse_limit: '1',
  gin_fuzzy_search_limit: '1',
  jit: 'on',
  jit_above_cost: '0',
};

beforeAll(async () => {
  // Found first by the search path: times of long ago, and a server without locks.
  await sql(
    database.url,
    `create schema hostile
       create view pg_locks as select * from pg_catalog.pg_locks where false
       create view pg_stat_activity as select * from pg_catalog.pg_stat_activity where false`,
  );
  await execute(
    database.url,
    `create function hostile.clock_timestamp() returns timestamptz language sql as $$ select timestamptz '2001-01-01' $$;
     create function hostile.never(uuid, uuid) returns boolean language sql as $$ select false $$;
     create operator hostile.= (leftarg = uuid, rightarg = uuid, function = hostile.never);
     grant usage on schema hostile to public`,
  );
});

/** Without those that an older server does not know. */
async function known(settings: Hostile): Promise<[string, string][]> {
  const rows = await sql(database.url, 'select lower(name) as name from pg_settings');
  const names = new Set(rows.map(({ name }) => name));
  return Object.entries(settings).filter(([name]) => names.has(name) || name.includes('.'));
}

/** Sets them for the length of the test, half of them for the roles: those win over the database's. */
async function setHostile(settings: Hostile): Promise<void> {
  const client = await openConnection(database.url);
  const { rows } = await client.query<{ name: string }>('select current_user as name');
  const roles = [
    rows[0]!.name,
    ...['api', 'writer', 'ops', 'migrate'].map((kind) => `${rolePrefix}_${kind}`),
  ];
  const targets = (await known(settings)).flatMap(([name, value], index) =>
    index % 2 === 0
      ? [[`database ${database.name}`, name, value]]
      : roles.map((role) => [`role ${role} in database ${database.name}`, name, value]),
  );
  for (const [whose, name, value] of targets) await client.query(`alter ${whose} set ${name} = ${value}`);
  onTestFinished(async () => {
    await client.query('set session characteristics as transaction read write');
    for (const whose of new Set(targets.map(([target]) => target)))
      await client.query(`alter ${whose} reset all`);
  });
}

/** Tells that the settings are as hostile as they say: what the server gives to anybody else. */
async function foundBy(url: string, name: string): Promise<unknown> {
  const [row] = await sql(url, 'select current_setting($1) as value', [name]);
  return row?.['value'];
}

const json = { 'content-type': 'application/json' };

describe('under settings of others', () => {
  const cases = [
    { name: 'forms of values', settings: forms, isPooled: false },
    { name: 'transactions, limits and plans', settings: limits, isPooled: false },
    {
      name: 'all of them, through a pooler in transaction mode',
      // The pooler of the tests keeps its sessions for good.
      settings: { ...forms, ...limits, idle_session_timeout: '0' },
      isPooled: true,
    },
  ];
  // What sessions behind a pooler are given is tested below.
  test.each(cases.filter(({ isPooled }) => isWide || !isPooled))(
    'hostile settings change no write, read or operation: $name',
    { timeout },
    async ({ settings, isPooled }) => {
      await setHostile(settings);
      expect(await foundBy(database.apiUrl, 'datestyle')).toMatch(/^(SQL|German)/);
      const route = async (url: string): Promise<string> =>
        isPooled ? (await startTransactionPooler(url, 4)).url : url;
      const [apiUrl, writerUrl, opsUrl] = await Promise.all(
        [database.apiUrl, database.writerUrl, database.opsUrl].map(route),
      );
      const client = createClient({ url: apiUrl!, model, ...patient });
      const ownership = isPooled ? 'lease' : 'lock';
      await sql(database.url, `delete from sluice.setting where name = 'ownership'`);
      const writer = createWriter({ url: writerUrl!, model, ownership });
      onTestFinished(async () => {
        await client.stop();
        await writer.stop();
      });
      await Promise.all([client.start(), writer.start()]);
      await eventually(() => expect(writer.status().lanes).toHaveLength(16));
      const api = createApi({ client });
      onTestFinished(() => api.close());
      const operator = new Database({
        url: opsUrl!,
        applicationName: 'test',
        connectionsMax: 1,
        looksForPooler: true,
      });
      onTestFinished(() => operator.close());
      const since = Date.now();
      const send = (method: 'POST' | 'PUT' | 'DELETE', url: string, payload?: object, headers = {}) =>
        api.inject({
          method,
          url,
          ...(payload === undefined ? {} : { payload, headers: { ...json, ...headers } }),
        });
      /** Between the beginning of the test and now, whatever day and month are called. */
      const expectRecent = (time: unknown): void => {
        const at = Date.parse(String(time));
        expect(at).toBeGreaterThan(since - 60_000);
        expect(at).toBeLessThan(Date.now() + 60_000);
      };

      // POST, GET, list, PUT, DELETE.
      const noteId = fresh();
      const created = await send('POST', '/data/test/notes', { noteId, text: "a\\b'é\u20ac", at: 0.1 });
      expect(created.statusCode).toBe(201);
      const place = created.headers.location as string;
      const found = await api.inject({ method: 'GET', url: place });
      expect(found.json()).toMatchObject({ noteId, text: "a\\b'é\u20ac", at: 0.1 });
      expectRecent(found.headers['last-modified']);
      const list = await api.inject({ method: 'GET', url: '/data/test/notes?limit=500' });
      expect(list.json<{ noteId: number }[]>().map((note) => note.noteId)).toContain(noteId);
      const replaced = await send('PUT', place, { ...found.json<object>(), text: 'c' });
      expect(replaced.statusCode).toBe(204);
      expect((await send('DELETE', place)).statusCode).toBe(204);
      expect((await api.inject({ method: 'GET', url: place })).statusCode).toBe(404);

      // A blocked write: seen where it waits, by its client and by operators, and settled once its document is there.
      const schoolId = fresh();
      const accepted = await send('POST', '/data/test/enrolments', enrolment(fresh(), schoolId), {
        prefer: 'respond-async, wait-for-references=30',
        'idempotency-key': `key-${schoolId}`,
      });
      expect(accepted.statusCode).toBe(202);
      const writePlace = accepted.headers.location as string;
      const writeId = writePlace.split('/').at(-1)!;
      const read = async () =>
        (await api.inject({ method: 'GET', url: writePlace })).json<Record<string, unknown>>();
      await eventually(async () => expect(await read()).toMatchObject({ state: 'blocked' }));
      const blocked = await read();
      expectRecent(blocked['acceptedAt']);
      expect(Date.parse((blocked['awaits'] as { since: string }[])[0]!.since)).toBeGreaterThan(
        since - 60_000,
      );
      const stuck = await listStuck(operator, { reason: 'blocked' }, {}, model);
      expect(stuck.writes).toMatchObject([{ writeId, reason: 'blocked' }]);
      expectRecent(stuck.writes[0]!.acceptedAt);
      expect((await showWrite(operator, writeId, model)).chain).toHaveLength(1);
      expect((await send('POST', '/data/test/schools', { schoolId })).statusCode).toBe(201);
      await eventually(async () =>
        expect(await read()).toMatchObject({ state: 'settled', outcome: { result: 'created' } }),
      );
      expectRecent((await read())['settledAt']);
      expect((await showWrite(operator, writeId)).outcome).toMatchObject({ result: 'created' });

      // A cancellation is definite. Operators look and act.
      const all = Array.from({ length: 16 }, (_lane, lane) => lane);
      expect(await pauseLanes(operator, all, 'a test')).toEqual(all);
      const late = await send('POST', '/data/test/notes', { noteId: fresh() }, { prefer: 'wait=1' });
      expect([late.statusCode, late.json<{ code: string }>().code]).toEqual([503, 'cancelled']);
      expect(await resumeLanes(operator, all, 'a test')).toEqual(all);
      expect((await listLanes(operator)).filter(({ isLed }) => !isLed)).toEqual([]);
      const status = await readStatus(operator);
      expect(status).toMatchObject({ isHealthy: true, deadLetters: 0, blocked: 0 });
      const { findings } = await runDoctor(operator, {
        notificationMs: isPooled ? 100 : 3000,
        transactionSeconds: 600,
      });
      const ill = findings.filter(({ verdict }) => verdict === 'fault').map(({ check }) => check);
      const told = ['synchronous_commit', 'pooler', 'fsync'];
      expect(ill.filter((check) => !told.includes(check))).toEqual([]);
    },
  );

  test(
    'under hostile settings, a session commits durably and fires triggers, or is refused in a sentence',
    { timeout },
    async () => {
      const applicationName = 'test';
      await setHostile({ synchronous_commit: 'off', default_transaction_isolation: 'serializable' });
      const superuser = await openConnection(database.url);
      const pooler = await startTransactionPooler(database.writerUrl, 4);
      expect(await detectPooler({ url: pooler.url, applicationName })).toBe(true);
      const ask = `select current_setting('synchronous_commit') as synchronous_commit,
                        current_setting('transaction_isolation') as isolation,
                        current_setting('session_replication_role') as replication_role`;
      const asked = { synchronous_commit: 'on', isolation: 'read committed', replication_role: 'origin' };
      const direct = async (url: string) => {
        const session = await Session.open({ url, applicationName });
        onTestFinished(() => session.close());
        return session.query(ask);
      };
      const pooled = async (url: string) => {
        const pool = new SessionPool({ url, applicationName });
        onTestFinished(() => pool.close());
        return pool.use(async (session) => {
          await session.flight([{ name: 'begin' }]);
          const rows = await session.query(ask);
          await session.flight([{ name: 'rollback' }]);
          return rows;
        });
      };
      expect(await direct(database.writerUrl)).toEqual([asked]);
      expect(await pooled(database.writerUrl)).toEqual([asked]);
      expect(await pooled(pooler.url)).toEqual([asked]);

      // A superuser's sessions set it back; others may not, and say so.
      await superuser.query(`alter database ${database.name} set session_replication_role = replica`);
      onTestFinished(async () => void (await superuser.query(`alter database ${database.name} reset all`)));
      expect(await direct(database.url)).toEqual([asked]);
      const refusal = {
        code: 'configuration_invalid',
        message: expect.stringContaining('session_replication_role is "replica"') as string,
      };
      await expect(direct(database.writerUrl)).rejects.toMatchObject(refusal);
      await expect(pooled(database.writerUrl)).rejects.toMatchObject(refusal);
      const later = await startTransactionPooler(database.writerUrl, 4);
      await expect(detectPooler({ url: later.url, applicationName })).rejects.toMatchObject(refusal);
    },
  );

  test('a single statement has the session’s own settings, also through a pooler', { timeout }, async () => {
    const url = (await startTransactionPooler(database.opsUrl, 2)).url;
    const client = await openConnection(database.url);
    await client.query(`alter database ${database.name} set datestyle = 'SQL, DMY'`);
    onTestFinished(async () => void (await client.query(`alter database ${database.name} reset all`)));
    const reads = new Database({ url, applicationName: 'test', looksForPooler: true });
    onTestFinished(() => reads.close());
    const [row] = await reads.run('readClock');
    expect(Math.abs(Date.parse(String(row!['now'])) - Date.now())).toBeLessThan(60_000);
  });

  test('a read-only database stays read-only, and the error says so', { timeout }, async () => {
    await setHostile({ default_transaction_read_only: 'on' });
    const session = await Session.open({ url: database.writerUrl, applicationName: 'test' });
    onTestFinished(() => session.close());
    await expect(session.run('createLanes', [99])).rejects.toMatchObject({ sqlState: '25006' });
    const { code, stderr } = await startSluice(['migrate'], { DATABASE_URL: database.url }).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('because it is read-only');
  });

  test(
    'under hostile settings, commands end as usual, and an empty database is migrated',
    { timeout },
    async () => {
      const settings: Hostile = { ...forms, ...limits };
      await setHostile(settings);
      const run = async (...args: string[]) => startSluice(args, { DATABASE_URL: database.opsUrl }).ended;
      const [status, stuck, lanes] = await Promise.all([run('status'), run('stuck'), run('lanes')]);
      expect([status.code, stuck.code, lanes.code]).toEqual([5, 0, 0]);
      const name = `${database.name}_fresh`;
      const server = inject('postgresUrl');
      await execute(server, `create database ${name}`);
      onTestFinished(async () => void (await execute(server, `drop database ${name} with (force)`)));
      for (const [setting, value] of await known(settings)) {
        await execute(server, `alter database ${name} set ${setting} = ${value}`);
      }
      const url = databaseUrl(database.url, name);
      const results = await Promise.all(Array.from({ length: 5 }, () => migrate({ url })));
      expect(results.flatMap(({ applied }) => applied)).toHaveLength(readMigrations().length);
      await applyRoles({ url, prefix: rolePrefix });
      expect(await migrate({ url: roleUrl(url, 'migrate') })).toMatchObject({ applied: [] });
    },
  );
});
