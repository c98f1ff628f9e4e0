// `sluice uninstall` on a database of another application: what is taken away, what is refused, and what stays as it was.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { createClient } from 'sluice';
import { applyRoles, migrate, uninstall } from 'sluice/internal/store';
import { createWriter } from 'sluice/writer';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { execute, rolePrefix } from '../support/postgres.ts';
import { createDataDir, readSluice, startSluice } from '../support/sluice.ts';
import { sluiceProgram } from '../support/sluice-program.ts';
import { openConnection, sql } from '../support/sql.ts';
import { fresh, startWorld, upsert } from '../support/world.ts';

const database = useDatabase();
const settings = (): Record<string, string> => ({ DATABASE_URL: database.url });
const run = (...args: string[]) => startSluice(['uninstall', ...args], settings()).ended;

/** The tables of another application, as many kinds of objects as a dump shows. */
const application = `
  create schema app;
  create table app.customer (id bigint generated always as identity primary key, name text not null unique);
  create table app."Order Item" (id bigint primary key, customer bigint not null references app.customer, note text);
  create index on app."Order Item" (customer);
  create view app.named as select id, name from app.customer;
  create function app.touch() returns trigger language plpgsql as 'begin return new; end';
  create trigger touch before update on app.customer for each row execute function app.touch();
  grant select on app.customer to public;
  insert into app.customer (name) values ('one'), ('two');
  insert into app."Order Item" values (1, 1, 'first')`;

/** Everything that the database holds outside of the schema, as its catalog and its rows say. */
async function snapshot(): Promise<Record<string, unknown>> {
  const [row] = await sql(
    database.url,
    `with own as (select oid from pg_namespace where nspname = 'sluice'),
     ours as (select c.oid from pg_class c where c.relnamespace not in (select oid from own)
              and c.relnamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'pg_toast', 'information_schema')))
     select
       (select jsonb_agg(jsonb_build_array(relname, relkind, relacl::text, relowner::regrole::text, reloptions) order by relname)
        from pg_class where oid in (select oid from ours)) as relations,
       (select jsonb_agg(jsonb_build_array(attrelid::regclass::text, attname, atttypid::regtype::text, attnotnull, attacl::text)
                         order by attrelid::regclass::text, attnum)
        from pg_attribute where attrelid in (select oid from ours) and attnum > 0) as columns,
       (select jsonb_agg(jsonb_build_array(conname, pg_get_constraintdef(oid)) order by conname)
        from pg_constraint where conrelid in (select oid from ours)) as constraints,
       (select jsonb_agg(pg_get_triggerdef(oid) order by tgname, tgrelid) from pg_trigger where tgrelid in (select oid from ours)) as triggers,
       (select jsonb_agg(jsonb_build_array(nspname, nspacl::text) order by nspname) from pg_namespace where oid not in (select oid from own)) as schemas,
       (select jsonb_agg(jsonb_build_array(proname, proacl::text) order by oid) from pg_proc
        where pronamespace not in (select oid from own)) as functions,
       (select jsonb_agg(defaclacl::text) from pg_default_acl) as default_rights,
       (select jsonb_agg(extname order by extname) from pg_extension) as extensions,
       (select jsonb_agg(evtname) from pg_event_trigger) as event_triggers,
       (select jsonb_agg(c order by id) from app.customer c) as customers,
       (select jsonb_agg(i order by id) from app."Order Item" i) as items`,
  );
  return row!;
}

beforeEach(async () => {
  await execute(database.url, 'drop schema if exists app cascade; drop schema if exists sluice cascade');
  await execute(database.url, application);
});

test('migrate and uninstall leave the tables of another application as they were', async () => {
  const before = await snapshot();
  await migrate({ url: database.url });
  expect(await readSluice(['uninstall'], settings())).toMatchObject({
    code: 0,
    text: expect.stringContaining('schema of Sluice was removed') as string,
  });
  expect(await snapshot()).toEqual(before);
  // Nothing is left that a second migration would trip over.
  expect((await migrate({ url: database.url })).applied.length).toBeGreaterThan(10);
});

test('rows that a node and a writer have written are all that is left of a deployment after an uninstall', async () => {
  const before = await snapshot();
  const connectionString = database.url;
  await migrate({ url: connectionString });
  const targets = [{ table: 'app.customer' }, { table: 'app.Order Item' }];
  const writer = await createWriter({ connectionString, targets, lanes: 4 });
  onTestFinished(() => writer.stop());
  const client = await createClient({ connectionString, targets, lanes: 4 });
  onTestFinished(() => client.stop());
  const customers = client.table('app.customer');
  const items = client.table('app.Order Item');
  await Promise.all([
    customers.insert({ name: 'three' }),
    customers.update({ id: 1 }, { name: 'first' }),
    items.insert([
      { id: 2, customer: 1, note: null },
      { id: 3, customer: 2, note: 'new' },
    ]),
    items.delete({ id: 1 }),
  ]);
  await client.stop();
  await writer.stop();
  expect(await run()).toMatchObject({ code: 0, last: { uninstalled: true } });
  const after = await snapshot();
  expect(after['customers']).toEqual([
    { id: 1, name: 'first' },
    { id: 2, name: 'two' },
    { id: 3, name: 'three' },
  ]);
  expect(after['items']).toEqual([
    { id: 2, customer: 1, note: null },
    { id: 3, customer: 2, note: 'new' },
  ]);
  expect({ ...after, customers: 0, items: 0 }).toEqual({ ...before, customers: 0, items: 0 });
});

test('dev --table runs on a database of another application; its curl line writes a row, uninstall leaves only that', async () => {
  const before = await snapshot();
  const url = new URL(database.url);
  // A password is not taken from the arguments.
  const own = { DATABASE_URL: database.url };
  const dataDir = await createDataDir();
  const args = ['--data-dir', dataDir, '--port', '0', '--lanes', '4'];
  const without = await startSluice(['dev', '--database-url', `postgres://${url.host}/x`, ...args]).ended;
  expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('needs --table') as string });
  await execute(database.url, 'create table app.keyless (n integer)');
  const keyless = await startSluice(['dev', '--table', 'app.keyless', '--schema', 'other', ...args], own)
    .ended;
  await execute(database.url, 'drop table app.keyless');
  expect(keyless).toMatchObject({ code: 2, stderr: expect.stringContaining('has no primary key') as string });
  expect(await sql(database.url, `select to_regnamespace('other') as schema`)).toEqual([{ schema: null }]);
  const dev = startSluice(['dev', '--table', 'app.Order Item', '--auth', 'keys', ...args], own);
  const { curl, processes, removal, token } = await dev.event('started');
  expect((processes as { name: string }[]).map(({ name }) => name)).toEqual(['api-1', 'writer-1']);
  expect(removal).toBe('npx sluice uninstall');
  expect(token).toMatch(/^\S{20,}$/);
  const { stdout } = await promisify(execFile)('sh', ['-c', `${(curl as string[])[0]} -s`]);
  expect(stdout).toContain('201 Created');
  dev.kill('SIGINT');
  const { code, stderr } = await dev.ended;
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining('Added the schema sluice to postgres:') as string,
  });
  expect(await run()).toMatchObject({ code: 0 });
  const after = await snapshot();
  // The key was left to the sample, the parent to a row that is there.
  expect(after['items']).toEqual([
    { id: 1, customer: 1, note: 'first' },
    { id: expect.any(Number) as number, customer: 1, note: null },
  ]);
  expect({ ...after, items: 0 }).toEqual({ ...before, items: 0 });
});

test('uninstall refuses while something would be lost, and names it; --force --yes drops it', async () => {
  await migrate({ url: database.url });
  await execute(
    database.url,
    `insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, reference_ids,
       content_hash, client, node, body)
     values (gen_random_uuid(), 0, 'upsert', 'r', gen_random_uuid(), gen_random_uuid(), '{}', '', '', 0, '{}')`,
  );
  const refused = await run();
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('1 write waits in the intake');
  // Nobody can be asked here.
  expect((await run('--force')).stderr).toContain('Add --yes');
  expect(await readSluice(['uninstall', '--dry-run'], settings())).toMatchObject({
    text: expect.stringContaining('1 waiting write') as string,
  });
  const [{ schema }] = (await execute(database.url, `select to_regnamespace('sluice')::text as schema`)) as [
    { schema: string | null },
  ];
  expect(schema).toBe('sluice');
  const { code, last } = await run('--force', '--yes');
  expect({ code, last }).toMatchObject({ code: 0, last: { uninstalled: true, waiting: 1, documents: 0 } });
});

/** Runs the command where it takes its input and its errors for a terminal. */
async function onTerminal(typed: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  const isTerminal = 'data:text/javascript,process.stdin.isTTY=true;process.stderr.isTTY=true';
  const child = spawn(process.execPath, ['--import', isTerminal, sluiceProgram, 'uninstall', ...args], {
    env: { ...process.env, ...settings() },
    stdio: 'pipe',
  });
  const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  child.stdin.end(typed);
  const [code] = await once(child, 'close');
  return { code: code as number | null, said: [...(await err!), ...(await out!)].join('') };
}

test('uninstall names the database and the schema, and asks on a terminal even if nothing else would be lost', async () => {
  await migrate({ url: database.url });
  const { host, pathname } = new URL(database.url);
  const where = new RegExp(`schema sluice of postgres(ql)?://[^:]*${host}${pathname}`);
  const isThere = async (): Promise<boolean> =>
    (await sql(database.url, `select to_regnamespace('sluice') is not null as it`))[0]?.['it'] === true;
  const declined = await onTerminal('n\n');
  expect(declined).toMatchObject({ code: 0, said: expect.stringMatching(where) as string });
  expect(declined.said).toContain('Drop all of this?');
  expect(await isThere()).toBe(true);
  expect((await readSluice(['uninstall', '--dry-run'], settings())).text).toMatch(where);
  expect((await run('--dry-run')).last).toMatchObject({
    schema: 'sluice',
    database: expect.any(String) as string,
  });
  expect(JSON.stringify(await run('--dry-run'))).not.toMatch(/:[^/@]+@/);
  const agreed = await onTerminal('y\n');
  expect(agreed).toMatchObject({ code: 0, said: expect.stringMatching(where) as string });
  expect(await isThere()).toBe(false);
});

test('uninstall counts the processes of its own schema only, by name or by lock', async () => {
  const [one, other] = ['sluice', 'trial'].map((schema) => ({ url: database.url, schema }));
  await migrate(one!);
  await migrate(other!);
  const writer = await createWriter({
    connectionString: database.url,
    targets: [{ table: 'app.customer' }],
    lanes: 2,
  });
  onTestFinished(() => writer.stop());
  // The other schema, whose functions call each other, is no dependent of this one.
  expect(await run('--schema', 'trial')).toMatchObject({
    code: 0,
    last: { uninstalled: true, processes: [] },
  });
  expect(await run()).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('of nodes and writers') as string,
  });
  await writer.stop();

  await migrate(other!);
  const settingsOf = {
    connectionString: database.url,
    schema: 'trial',
    targets: [{ table: 'app.customer' }],
    lanes: 2,
  };
  const client = await createClient(settingsOf);
  onTestFinished(() => client.stop());
  const named = await createWriter({ ...settingsOf, applicationName: 'shop' });
  onTestFinished(() => named.stop());
  const { processes } = await uninstall({ ...other!, dryRun: true });
  expect(new Set(processes.map(({ application }) => application))).toEqual(
    new Set(['shop', 'sluice node trial', 'sluice node trial listener']),
  );
  expect(await run()).toMatchObject({ code: 0 });
  await Promise.all([client.stop(), named.stop()]);
  expect(await run('--schema', 'trial')).toMatchObject({ code: 0 });
});

test('uninstall refuses while a writer runs or documents are stored', async () => {
  await migrate({ url: database.url });
  await applyRoles({ url: database.url, prefix: rolePrefix });
  const world = await startWorld(database.url);
  await world.submit(upsert('schools', { schoolId: fresh() }));
  await expect(uninstall({ url: database.url })).rejects.toThrow(
    /1 document is stored, \d+ sessions of nodes and writers are connected\. Stop nodes and writers first\./,
  );
});

test('uninstall refuses where objects of other schemas depend on the schema, also with force', async () => {
  await migrate({ url: database.url });
  await execute(
    database.url,
    `create view app.documents as select document_id from sluice.document;
     create table app.extra (document_id uuid references sluice.document)`,
  );
  const attempt = uninstall({ url: database.url, force: true });
  await expect(attempt).rejects.toThrow(
    /objects of other schemas depend on it: .*extra.*documents|documents.*extra/,
  );
  expect(await sql(database.url, 'select count(*)::int as n from app.extra')).toEqual([{ n: 0 }]);
});

test('uninstall refuses where functions of other schemas call the schema, in text or by their search_path', async () => {
  await migrate({ url: database.url });
  await execute(
    database.url,
    `create function app.copy_customer() returns trigger language plpgsql as $$
     begin
       perform sluice.submit('audit_log', jsonb_build_object('id', new.id, 'at', now()));
       return null;
     end
     $$;
     create trigger copied after insert on app.customer for each row execute function app.copy_customer();
     create function app.quoted() returns bigint language plpgsql as
       $$ begin return (select count(*) from "sluice"."outcome"); end $$;
     create function app.loud() returns bigint language sql as $$ select count(*) from SLUICE.Intake $$;
     create function app.by_path() returns bigint language plpgsql set search_path = sluice, public as
       $$ begin return (select count(*) from outcome); end $$;
     create function app.unrelated() returns text language plpgsql as
       $$ declare sluice app.customer; begin select * into sluice from app.customer limit 1; return sluice.name; end $$;
     create function app.noted() returns text language plpgsql as
       $$ begin
         -- It doesn't call sluice.submit any more.
         /* **sluice.intake** was
            its table: sluice.outcome, too **/
         raise notice 'Ask sluice. Outcome: it''s unknown.';
         return 'done'; end $$;
     create function app.dynamic() returns void language plpgsql as
       $$ begin raise notice 'a -- b /*'; execute 'truncate sluice.document'; /* */ end $$`,
  );
  const refused = await run('--force', '--yes');
  expect(refused).toMatchObject({ code: 2 });
  for (const name of ['app.copy_customer()', 'app.quoted()', 'app.loud()', 'app.by_path()', 'app.dynamic()'])
    expect(refused.stderr).toContain(`function ${name}`);
  for (const name of ['app.unrelated()', 'app.noted()']) expect(refused.stderr).not.toContain(name);
  await execute(
    database.url,
    'drop function app.copy_customer() cascade; drop function app.quoted(), app.loud(), app.by_path(), app.dynamic()',
  );
  expect(await run('--force', '--yes')).toMatchObject({ code: 0 });
});

test('uninstall says where there is nothing to uninstall, and waits for locks no longer than --wait', async () => {
  const absent = await run();
  expect(absent).toMatchObject({ code: 2 });
  expect(absent.stderr).toContain('this database has no deployment of Sluice in that schema');
  await migrate({ url: database.url });
  const holder = await openConnection(database.url);
  await holder.query('begin; lock table sluice.lane in access share mode');
  const waited = await run('--wait', '1s');
  expect(waited).toMatchObject({ code: 1 });
  expect(waited.stderr).toContain('was not released within 1 s');
  // For PostgreSQL, 0 is no limit.
  const { url } = database;
  await expect(uninstall({ url, waitMs: 0 })).rejects.toThrow('was not released within 0 s');
  await holder.query('rollback');
  // PostgreSQL takes no limit of 30 days.
  await uninstall({ url, waitMs: 30 * 86_400_000 });
});
