// Each fault is planted for real, on a server of its own, as many of them are the whole server's.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@sluice/dev/embedded';
import { pauseLanes, resumeLanes, runDoctor, type DoctorOptions } from 'sluice/operator';
import { Database, migrate } from 'sluice/internal/store';
import { createWriter, type Writer } from 'sluice/internal/writer';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { startSluice } from '../support/sluice.ts';
import { openConnection, sql } from '../support/sql.ts';
import { startTransactionPooler } from '../support/transaction-pooler.ts';

let dataDir: string;
let server: EmbeddedPostgres;
let writer: Writer;
let operator: Database;
const connectionsMax = 100;
const timeout = 60_000;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-doctor-'));
  server = await startEmbeddedPostgres({
    dataDir,
    settings: {
      max_connections: String(connectionsMax),
      max_prepared_transactions: '4',
      max_notify_queue_pages: '64',
    },
  });
  await migrate({ url: server.url });
  writer = createWriter({ url: server.url, model });
  await writer.start();
  operator = new Database({ url: server.url, applicationName: 'sluice test', connectionsMax: 1 });
}, 120_000);

afterAll(async () => {
  await operator?.close();
  await writer?.stop();
  await server?.stop();
  await rm(dataDir, { recursive: true });
});

const run = (text: string): Promise<unknown> => sql(server.url, text);

/** Sets what the whole server goes by, until the function it gives is called. */
async function setServer(name: string, value: string): Promise<() => Promise<void>> {
  const reload = async (expected: RegExp): Promise<void> => {
    await run('select pg_reload_conf()');
    await eventually(async () => {
      const [row] = await sql(server.url, `select current_setting('${name}') as value`);
      expect(String(row?.['value'])).toMatch(expected);
    });
  };
  await run(`alter system set ${name} = ${value}`);
  await reload(new RegExp(`^${value}$`));
  return async () => {
    await run(`alter system reset ${name}`);
    await reload(new RegExp(`^(?!${value}$)`));
  };
}

async function setDatabase(name: string, value: string): Promise<() => Promise<void>> {
  await run(`alter database postgres set ${name} = ${value}`);
  return async () => void (await run(`begin read write; alter database postgres reset ${name}; commit`));
}

interface Fault {
  check: string;
  name: string;
  verdict: 'warning' | 'fault';
  says: string;
  /** Other checks that see something of it. */
  also?: string[];
  options?: DoctorOptions;
  /** Gives what takes it away again. */
  plant: () => Promise<() => Promise<unknown>>;
}

const faults: Fault[] = [
  {
    check: 'old_transactions',
    name: 'a transaction that is left open',
    verdict: 'warning',
    says: 'idle in transaction',
    options: { transactionSeconds: 1 },
    async plant() {
      const client = await openConnection(server.url);
      await client.query('begin isolation level repeatable read');
      await eventually(async () => {
        const { rows } = await client.query<{ is_old: boolean }>(
          `select clock_timestamp() > transaction_timestamp() + interval '1 second' as is_old`,
        );
        expect(rows).toEqual([{ is_old: true }]);
      });
      return () => client.query('rollback');
    },
  },
  {
    check: 'replication_slots',
    name: 'a replication slot that nobody reads from',
    verdict: 'warning',
    says: 'left_behind (not in use',
    async plant() {
      await run(`select pg_create_physical_replication_slot('left_behind', true)`);
      return () => run(`select pg_drop_replication_slot('left_behind')`);
    },
  },
  {
    check: 'prepared_transactions',
    name: 'a prepared transaction that was forgotten',
    verdict: 'fault',
    says: 'forgotten for',
    options: { transactionSeconds: 0 },
    async plant() {
      const client = await openConnection(server.url);
      await client.query('begin');
      await client.query('create table public.forgotten ()');
      await client.query(`prepare transaction 'forgotten'`);
      return () => client.query(`rollback prepared 'forgotten'`);
    },
  },
  {
    check: 'table_autovacuum',
    name: 'autovacuum switched off for the intake',
    verdict: 'fault',
    says: 'Autovacuum is off for tables: intake',
    async plant() {
      await run('alter table sluice.intake set (autovacuum_enabled = false)');
      return () => run('alter table sluice.intake reset (autovacuum_enabled)');
    },
  },
  {
    check: 'citus',
    name: 'a table that Citus distributes',
    verdict: 'fault',
    says: 'Citus distributes tables of the deployment: outcome',
    also: ['schema_parts', 'strangers'],
    async plant() {
      await run(
        `create function public.citus_truncate_trigger() returns trigger language plpgsql as 'begin return null; end';
         create trigger truncate_trigger_1 after truncate on sluice.outcome execute function public.citus_truncate_trigger()`,
      );
      return () => run('drop function public.citus_truncate_trigger cascade');
    },
  },
  {
    check: 'autovacuum',
    name: 'autovacuum switched off for all',
    verdict: 'fault',
    says: 'autovacuum is off',
    plant: () => setServer('autovacuum', 'off'),
  },
  {
    check: 'fsync',
    name: 'fsync switched off',
    verdict: 'fault',
    says: 'fsync is off',
    plant: () => setServer('fsync', 'off'),
  },
  {
    check: 'full_page_writes',
    name: 'full_page_writes switched off',
    verdict: 'fault',
    says: 'full_page_writes is off',
    plant: () => setServer('full_page_writes', 'off'),
  },
  {
    check: 'synchronous_commit',
    name: 'synchronous_commit switched off for the database',
    verdict: 'fault',
    says: 'synchronous_commit is off',
    plant: () => setDatabase('synchronous_commit', 'off'),
  },
  {
    check: 'primary',
    name: 'a database that takes no writes',
    verdict: 'fault',
    says: 'read-only',
    plant: () => setDatabase('default_transaction_read_only', 'on'),
  },
  {
    check: 'connections',
    name: 'connections that are nearly used up',
    verdict: 'fault',
    says: `of ${connectionsMax - 3} connections are in use`,
    async plant() {
      const clients: pg.Client[] = [];
      // Nearly all by themselves: how many the writer holds at this moment is not to matter.
      while (clients.length < 0.93 * (connectionsMax - 3)) {
        const client = new pg.Client(server.url);
        client.on('error', () => undefined);
        await client.connect();
        clients.push(client);
      }
      return () => Promise.all(clients.map((client) => client.end()));
    },
  },
  {
    check: 'notification_queue',
    name: 'a listener that takes no notifications',
    verdict: 'fault',
    says: 'a session listens and reads nothing',
    async plant() {
      const listener = await openConnection(server.url);
      await listener.query('listen sluice_test');
      await listener.query('begin');
      await listener.query('select 1');
      await eventually(async () => {
        await run(`select pg_notify('sluice_test', repeat('x', 7000) || n) from generate_series(1, 20) as n`);
        const [row] = await sql(server.url, 'select pg_notification_queue_usage() as usage');
        expect(Number(row?.['usage'])).toBeGreaterThan(0.5);
      });
      return () => listener.end();
    },
  },
  {
    check: 'schema_version',
    name: 'a schema that is newer than the program',
    verdict: 'fault',
    says: 'The schema has version 9999',
    async plant() {
      await run(`insert into sluice.migration (version, name, checksum) values (9999, '9999_later', '')`);
      return () => run('delete from sluice.migration where version = 9999');
    },
  },
  {
    check: 'schema_version',
    name: 'a migration that ran otherwise',
    verdict: 'fault',
    says: `this program does not have: 0001_foundation`,
    async plant() {
      await run(`update sluice.migration set checksum = 'x' || checksum where version = 1`);
      return () => run('update sluice.migration set checksum = substr(checksum, 2) where version = 1');
    },
  },
  {
    check: 'schema_parts',
    name: 'an index that is missing',
    verdict: 'fault',
    says: 'missing: intake_ready',
    async plant() {
      const [row] = await sql(server.url, `select pg_get_indexdef('sluice.intake_ready'::regclass) as text`);
      await run('drop index sluice.intake_ready');
      return () => run(String(row?.['text']));
    },
  },
  {
    check: 'schema_parts',
    name: 'an index whose making failed',
    verdict: 'fault',
    says: 'invalid or disabled: half_made',
    async plant() {
      await run(`insert into sluice.setting values ('one', 'same'), ('two', 'same')`);
      await expect(
        run('create unique index concurrently half_made on sluice.setting (value)'),
      ).rejects.toMatchObject({ code: '23505' });
      return () => run(`drop index sluice.half_made; delete from sluice.setting where value = 'same'`);
    },
  },
  {
    check: 'lanes',
    name: 'lanes that are not as agreed',
    verdict: 'fault',
    says: 'agreed on 17 lanes, and there are 16',
    async plant() {
      await run(`update sluice.setting set value = '17' where name = 'lanes'`);
      return () => run(`update sluice.setting set value = '16' where name = 'lanes'`);
    },
  },
  {
    check: 'model',
    name: 'another model than the deployment has',
    verdict: 'fault',
    says: 'was loaded with the model',
    options: { modelHash: 'another' },
    plant: () => Promise.resolve(() => Promise.resolve()),
  },
  {
    check: 'paused',
    name: 'a lane that was left paused',
    verdict: 'warning',
    says: 'lane 3 paused',
    async plant() {
      await pauseLanes(operator, [3], 'a test');
      return () => resumeLanes(operator, [3], 'a test');
    },
  },
  {
    check: 'leaders',
    name: 'a lane that nobody leads',
    verdict: 'warning',
    says: 'lane 16 without a leader',
    async plant() {
      await run(
        `update sluice.setting set value = '17' where name = 'lanes'; insert into sluice.lane values (16)`,
      );
      return () =>
        run(
          `update sluice.setting set value = '16' where name = 'lanes'; delete from sluice.lane where lane = 16`,
        );
    },
  },
];

describe('the doctor', () => {
  test('the doctor finds no fault in a sound deployment, and changes nothing', { timeout }, async () => {
    await eventually(() => expect(writer.status().lanes).toHaveLength(16));
    const { verdict, findings } = await runDoctor(operator);
    expect(findings.filter((finding) => finding.verdict !== 'ok')).toEqual([]);
    expect(verdict).toBe('ok');
    expect(findings.length).toBeGreaterThan(20);
  });

  test.for(faults)(
    'the doctor finds $name',
    { timeout },
    async ({ check, verdict, says, options, plant }) => {
      const cure = await plant();
      let found;
      try {
        // A pool may hand out a connection that was made before.
        const patient = new Database({ url: server.url, applicationName: 'sluice test', connectionsMax: 1 });
        onTestFinished(() => patient.close());
        found = await runDoctor(patient, options);
        await patient.close();
      } finally {
        await cure();
      }
      const ill = found.findings.filter((finding) => finding.verdict !== 'ok');
      expect(ill).toMatchObject([{ check, verdict, says: expect.stringContaining(says) as string }]);
      expect(ill[0]?.advice).not.toBeNull();
      expect(found.verdict).toBe(verdict);
    },
  );

  test(
    'the doctor finds a pooler in transaction mode, where notifications are lost',
    { timeout },
    async () => {
      const pooler = await startTransactionPooler(server.url);
      onTestFinished(() => pooler.close());
      const { findings } = await runDoctor(operator, { listenUrl: pooler.url, notificationMs: 500 });
      expect(findings.filter((finding) => finding.verdict !== 'ok')).toMatchObject([
        { check: 'pooler', verdict: 'fault' },
        { check: 'notifications', verdict: 'warning' },
      ]);
    },
  );

  test('the doctor finds a pooler that loses prepared statements', { timeout }, async () => {
    const pooler = await startTransactionPooler(server.url);
    onTestFinished(() => pooler.close());
    const pooled = (): Database => {
      const database = new Database({ url: pooler.url, applicationName: 'sluice test', connectionsMax: 1 });
      onTestFinished(() => database.close());
      return database;
    };
    await pooled().run('readClock');
    await pooled().run('listMigrations');
    const { findings } = await runDoctor(pooled());
    expect(findings).toMatchObject([{ check: 'prepared_statements', verdict: 'fault' }]);
  });

  test('the doctor tells scripts by its exit code, and people what to do', { timeout: 120_000 }, async () => {
    const settings = { DATABASE_URL: server.url };
    expect(await startSluice(['doctor'], settings).ended).toMatchObject({ code: 0, last: { verdict: 'ok' } });
    await pauseLanes(operator, [3], 'a test');
    expect(await startSluice(['doctor'], settings).ended).toMatchObject({
      code: 5,
      last: { verdict: 'warning' },
    });
    await resumeLanes(operator, [3], 'a test');
    await run('create database empty');
    const empty = { DATABASE_URL: server.url.replace(/\/postgres$/, '/empty') };
    const { code, last } = await startSluice(['doctor'], empty).ended;
    expect(code).toBe(6);
    expect(last['findings']).toContainEqual({
      check: 'schema_version',
      verdict: 'fault',
      says: 'The database has no Sluice schema of this version',
      advice: 'Run sluice migrate',
    });
  });
});
