// Each migration runs once, however many processes run them.

import { runDoctor } from 'sluice/operator';
import {
  Database,
  fenceStore,
  lockKeysOf,
  migrate,
  readMigrations,
  schemaVersion,
  uninstall,
} from 'sluice/internal/store';
import pg from 'pg';
import { describe, expect, test, inject, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { databaseUrl, execute } from '../support/postgres.ts';
import { sql } from '../support/sql.ts';
import { randomBytes } from 'node:crypto';

/** An empty database of the test's own. */
async function setup(how = ''): Promise<string> {
  const server = inject('postgresUrl');
  const name = `sluice_migrations_${randomBytes(4).toString('hex')}`;
  await execute(server, `create database ${name} ${how}`);
  onTestFinished(() => execute(server, `drop database ${name} with (force)`).then(() => undefined));
  return databaseUrl(server, name);
}

describe('migrations', () => {
  test('migrations are numbered without a gap and named by what they do', () => {
    const migrations = readMigrations();
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
    expect(migrations.filter(({ name }) => !/^\d{4}_[a-z_]+$/.test(name))).toEqual([]);
  });

  test('migrations may run twice', async () => {
    const url = await setup();
    const first = await migrate({ url });
    expect(first.applied).toHaveLength(schemaVersion);
    expect(await migrate({ url })).toEqual({ applied: [], version: schemaVersion });
  });

  test('migrations may run from twenty processes at the same time', async () => {
    const url = await setup();
    const results = await Promise.all(Array.from({ length: 20 }, () => migrate({ url })));
    expect(results.flatMap(({ applied }) => applied)).toHaveLength(schemaVersion);
    expect(await sql(url, 'select count(*) from sluice.migration')).toEqual([
      { count: String(schemaVersion) },
    ]);
  });

  test('migrations, the fence of a move and an uninstall run again when PostgreSQL ends them because of a deadlock', async () => {
    const url = await setup();
    await migrate({ url });
    // The command is the session that looks for the deadlock, while the other one waits.
    await execute(url, `alter database ${new URL(url).pathname.slice(1)} set deadlock_timeout = '2s'`);
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    onTestFinished(() => other.end());
    await other.query("set deadlock_timeout = '10min'");
    const inDeadlock = async <T>(
      locks: [string, string],
      command: string,
      run: () => Promise<T>,
    ): Promise<T> => {
      await other.query(`begin; ${locks[0]}`);
      const ran = run();
      await eventually(async () => {
        const waiting = `select 1 from pg_stat_activity
          where application_name = 'sluice ${command}' and datname = current_database() and wait_event = 'relation'`;
        expect(await sql(url, waiting)).toHaveLength(1);
      });
      await other.query(`${locks[1]}; commit`);
      return ran;
    };
    const { migration } = lockKeysOf('sluice');
    const ofMigration: [string, string] = [
      'lock table sluice.migration',
      `select pg_advisory_xact_lock(${migration}, 0)`,
    ];
    expect(await inDeadlock(ofMigration, 'migrate', () => migrate({ url }))).toEqual({
      applied: [],
      version: schemaVersion,
    });
    const ofMove: [string, string] = ['lock table sluice.outcome', 'lock table sluice.intake'];
    await inDeadlock(ofMove, 'move', () => fenceStore({ url, schema: 'sluice' }));
    const fences = `select count(*)::integer as count from pg_constraint where conname = 'store_has_moved'`;
    expect(await sql(url, fences)).toEqual([{ count: 3 }]);
    const ofUninstall: [string, string] = [
      'lock table sluice.migration in access share mode',
      'lock table sluice.document',
    ];
    await inDeadlock(ofUninstall, 'uninstall', () => uninstall({ url }));
    expect(await sql(url, `select to_regnamespace('sluice') as left`)).toEqual([{ left: null }]);
  });

  test('migrations of the quarantine columns keep the rights on them and the recorded tries', async () => {
    const url = await setup();
    const texts = readMigrations().map(({ text }) => text);
    await execute(url, ['create schema sluice', ...texts.slice(0, 15)].join(';\n'));
    const [one, other] = ['018f0000-0000-7000-8000-000000000001', '018f0000-0000-7000-8000-000000000002'];
    await execute(
      url,
      `insert into sluice.lane (lane, tried, tried_alone)
       values (0, '{}', 0), (1, '{${one},${other}}', 0), (2, '{${one}}', 0), (3, '{${one}}', 2)`,
    );
    await execute(url, 'grant update (tried, tried_alone) on sluice.lane to public');
    await execute(url, texts[15]!);
    expect(await sql(url, 'select lane, trials, tried from sluice.lane order by lane')).toEqual([
      { lane: 0, trials: 0, tried: null },
      { lane: 1, trials: 1, tried: null },
      { lane: 2, trials: 1, tried: null },
      { lane: 3, trials: 4, tried: one },
    ]);
    const granted = `select attname from pg_attribute where attrelid = 'sluice.lane'::regclass and attacl is not null`;
    expect(await sql(url, granted)).toEqual([{ attname: 'tried' }, { attname: 'trials' }]);
    // A leader of an older version that would take another lane.
    await expect(sql(url, 'update sluice.lane set term = term returning tried_alone')).rejects.toMatchObject({
      code: '42703',
    });
  });

  test('migrations leave nothing in the database when they are only listed', async () => {
    const url = await setup();
    expect((await migrate({ url, dryRun: true })).applied).toHaveLength(schemaVersion);
    expect(await sql(url, `select to_regnamespace('sluice') is null as absent`)).toEqual([{ absent: true }]);
  });

  test.each(['LATIN1', 'SQL_ASCII'])(
    'migrations are refused on a database in %s before they begin, and the doctor says why',
    async (encoding) => {
      const url = await setup(`encoding '${encoding}' template template0 locale 'C'`);
      await expect(migrate({ url })).rejects.toMatchObject({
        code: 'configuration_invalid',
        message: expect.stringContaining(`the encoding of the database is ${encoding}`) as string,
      });
      await expect(migrate({ url, dryRun: true })).rejects.toMatchObject({ code: 'configuration_invalid' });
      expect(await sql(url, `select to_regnamespace('sluice') is null as absent`)).toEqual([
        { absent: true },
      ]);
      const database = new Database({ url, applicationName: 'test', connectionsMax: 1 });
      onTestFinished(() => database.close());
      expect((await runDoctor(database)).findings).toContainEqual(
        expect.objectContaining({
          check: 'encoding',
          verdict: 'fault',
          says: expect.stringContaining(encoding) as string,
        }),
      );
    },
  );

  test('migrations are refused on a worker of Citus', async () => {
    const url = await setup();
    await sql(url, 'create table pg_dist_local_group as select 1 as groupid');
    await expect(migrate({ url })).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('this is a worker of Citus, which takes no new schema') as string,
    });
    expect(await sql(url, `select to_regnamespace('sluice') is null as absent`)).toEqual([{ absent: true }]);
  });

  test('migrations run on the coordinator of Citus', async () => {
    const url = await setup();
    await sql(url, 'create table pg_dist_local_group as select 0 as groupid');
    await sql(url, 'create table pg_dist_partition (logicalrelid regclass)');
    expect((await migrate({ url })).version).toBe(schemaVersion);
  });

  test('migrations are refused when one that ran before has changed', async () => {
    const url = await setup();
    await migrate({ url });
    await sql(url, `update sluice.migration set checksum = 'another' where version = 1`);
    await expect(migrate({ url })).rejects.toMatchObject({
      code: 'deployment_disagrees',
      message: expect.stringContaining('0001_foundation') as string,
    });
  });

  test('migrations are refused on a database that is newer than the program', async () => {
    const url = await setup();
    await migrate({ url });
    await sql(
      url,
      `insert into sluice.migration (version, name, checksum) values (9999, '9999_future', 'unknown')`,
    );
    await expect(migrate({ url })).rejects.toMatchObject({
      code: 'deployment_disagrees',
      message: expect.stringContaining('9999_future') as string,
    });
  });
});
