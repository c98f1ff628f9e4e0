// What each role may do: as the catalogue has it, and as it turns out when a role tries.

import { readFileSync } from 'node:fs';
import { createClient } from 'sluice/internal/client';
import { applyRoles, migrate, previewExclusive, queries, rolesSql, sqlFolder } from 'sluice/internal/store';
import pg from 'pg';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { explainGeneric } from '../support/explain.ts';
import { tableInPlace } from '../support/markdown-part.ts';
import { model } from '../support/model.ts';
import { patient } from '../support/patient.ts';
import { databaseUrl, execute, rolePrefix, roleUrl } from '../support/postgres.ts';
import { openConnection, sql } from '../support/sql.ts';

const database = useDatabase();
const roles = ['api', 'writer', 'ops'] as const;
const refused = { code: '42501' };

beforeAll(() => applyRoles({ url: database.url, prefix: rolePrefix, exclusiveDatabase: true }));

describe('sql/roles.sql', () => {
  test('sql/roles.sql decides on every table, view, sequence and function', async () => {
    const text = readFileSync(`${sqlFolder}roles.sql`, 'utf8');
    const objects = await sql(
      database.url,
      `select relname as name from pg_class
       where relnamespace = 'sluice'::regnamespace and relkind in ('r', 'p', 'v', 'm')
       union select proname from pg_proc where pronamespace = 'sluice'::regnamespace`,
    );
    expect(objects.length).toBeGreaterThan(30);
    expect(objects.map(({ name }) => name as string).filter((name) => !text.includes(`('${name}',`))).toEqual(
      [],
    );
  });

  test('sql/roles.sql names nothing that does not exist', async () => {
    const named = [...readFileSync(`${sqlFolder}roles.sql`, 'utf8').matchAll(/^ {6}\('(\w+)',/gm)].map(
      ([, name]) => name,
    );
    const objects = await sql(
      database.url,
      `select relname as name from pg_class where relnamespace = 'sluice'::regnamespace
       union select proname from pg_proc where pronamespace = 'sluice'::regnamespace`,
    );
    expect(named.filter((name) => !objects.some((object) => object['name'] === name))).toEqual([]);
  });

  test('sql/roles.sql may be applied again, also as the printed text, and changes nothing', async () => {
    const before = await rights();
    await applyRoles({ url: database.url, prefix: rolePrefix });
    await execute(database.url, rolesSql(rolePrefix));
    expect(await rights()).toEqual(before);
  });

  test('sql/roles.sql is not applied to a role that may do more than it gives', async () => {
    const prefix = `odd_${process.pid}`;
    await execute(database.url, `create role ${prefix}_api superuser`);
    onTestFinished(async () => void (await execute(database.url, `drop role ${prefix}_api`)));
    await expect(applyRoles({ url: database.url, prefix })).rejects.toMatchObject({ sqlState: 'SL005' });
  });

  test('sql/roles.sql takes back what it did not give', async () => {
    const before = await rights();
    await sql(database.url, `grant all on sluice.document to ${rolePrefix}_api`);
    await sql(database.url, 'grant select on sluice.outcome to public');
    expect(await rights()).not.toEqual(before);
    await applyRoles({ url: database.url, prefix: rolePrefix });
    expect(await rights()).toEqual(before);
  });

  test('sql/roles.sql gets the stored form of a password, never the password', async () => {
    const queries = vi.spyOn(pg.Client.prototype, 'query');
    onTestFinished(() => queries.mockRestore());
    // Roles are the server's: the password stays what it is for all other tests.
    const password = new URL(database.opsUrl).password;
    await applyRoles({ url: database.url, prefix: rolePrefix, passwords: { ops: password } });
    const sent = queries.mock.calls.map(([, values]) => values as unknown as string[] | undefined);
    const [, verifier] = sent.find((values) => values?.[0] === 'sluice.verifier_ops') ?? [];
    expect(verifier).toMatch(/^SCRAM-SHA-256\$/);
    expect(await sql(database.opsUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('sql/roles.sql lets migrations run without a superuser, from an empty database on', async () => {
    const name = `${database.name}_empty`;
    await execute(database.url, `create database ${name}`);
    onTestFinished(async () => void (await execute(database.url, `drop database ${name} with (force)`)));
    const url = databaseUrl(database.url, name);
    await applyRoles({ url, prefix: rolePrefix });
    const asOwner = roleUrl(url, 'migrate');
    await migrate({ url: asOwner });
    await applyRoles({ url: asOwner, prefix: rolePrefix });
    const node = createClient({ ...patient, url: roleUrl(url, 'api'), model });
    await node.start();
    expect((await node.status()).isDatabaseReachable).toBe(true);
    await node.stop();
  });

  test('sql/roles.sql is what docs/reference/access.md shows', async () => {
    const rows = await rights();
    const names = [...new Set(rows.map(({ name }) => name))];
    const of = (name: string, role: string) =>
      rows.find((row) => row.name === name && row.role === role)?.letters ?? '';
    const { text, expected } = await tableInPlace(
      'rights',
      ['', ...roles.map((role) => `\`sluice_${role}\``)],
      names.map((name) => [`\`${name}\``, ...roles.map((role) => of(name, role))]),
    );
    expect(text).toBe(expected);
  });
});

const codeOf = (error: unknown): string => (error as { code: string }).code;

interface Right {
  name: string;
  role: string;
  letters: string;
}

/** Of each role on each table, view and function; `public` too, which has none. */
async function rights(): Promise<Right[]> {
  const rows = await sql(
    database.url,
    `with entry as (
       select c.relname as name, a.grantee, a.privilege_type as privilege, false as is_partial
       from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'sluice'::regnamespace
       union all
       select c.relname, a.grantee, a.privilege_type, true
       from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
       where c.relnamespace = 'sluice'::regnamespace
       union all
       select p.proname || '()', a.grantee, a.privilege_type, false
       from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
       where p.pronamespace = 'sluice'::regnamespace
     ),
     letter as (
       select distinct name, case grantee when 0 then 'public' else replace(grantee::regrole::text, $1, '') end as role,
              is_partial,
              case privilege when 'SELECT' then 'r' when 'INSERT' then 'a' when 'UPDATE' then 'w' when 'DELETE' then 'd'
                             when 'EXECUTE' then 'call' else lower(privilege) end as letter
       from entry
     ),
     part as (select name, role, is_partial, string_agg(letter, '' order by letter) as letters from letter group by 1, 2, 3)
     select name, role, string_agg(case when is_partial then '(' || letters || ')' else letters end, ' ' order by is_partial)
              as letters
     from part where role <> 'migrate' group by 1, 2 order by 1, 2`,
    [`${rolePrefix}_`],
  );
  return rows as unknown as Right[];
}

describe('a role', () => {
  test.each([...roles, 'migrate'] as const)(
    'the role %s is no superuser and has no such rights',
    async (role) => {
      const [row] = await sql(
        database.url,
        'select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles where rolname = $1',
        [`${rolePrefix}_${role}`],
      );
      expect(Object.values(row!)).toEqual([false, false, false, false, false]);
    },
  );

  test.each(roles)(
    'the role %s may not change the schema, release locks of others, or see secrets of the server',
    async (role) => {
      const client = await openConnection(database[`${role}Url`]);
      const mayLock = role === 'writer';
      const attempts = [
        'create table sluice.mine (a integer)',
        'create table public.mine (a integer)',
        'create temporary table mine (a integer)',
        'create schema mine',
        'alter table sluice.document add column a integer',
        'drop table sluice.audit',
        'truncate sluice.outcome',
        'alter table sluice.audit disable trigger audit_is_append_only',
        'update sluice.audit set actor = actor',
        'delete from sluice.audit',
        "update sluice.outcome set result = 'created'",
        "update sluice.setting set value = '1'",
        'delete from sluice.migration',
        'update sluice.intake set accepted_at = now()',
        "update sluice.api_key set scopes = '{}'",
        "update sluice.api_key set hash = ''",
        'delete from sluice.api_key',
        'select * from pg_authid',
        "select pg_read_file('postgresql.conf')",
        `set role ${rolePrefix}_migrate`,
        "copy (select 1) to program 'true'",
        'create function sluice.mine() returns integer language sql as $$ select 1 $$',
        'select sluice.refuse_change()',
        ...(mayLock
          ? []
          : ['select pg_try_advisory_lock(1936486757, 1)', 'select pg_advisory_lock_shared(1)']),
      ];
      const allowed: string[] = [];
      for (const attempt of attempts) {
        await client.query(attempt).then(
          () => allowed.push(attempt),
          (error: unknown) => expect({ attempt, code: codeOf(error) }).toEqual({ attempt, ...refused }),
        );
      }
      expect(allowed).toEqual([]);
    },
  );

  test('the role of a node may run what a node asks, and nothing that settles, leads or operates', async () => {
    const allowed = await allowedQueries(database.apiUrl);
    expect(
      allowed.filter((name) =>
        /^(insert|move|update|edit|remove|lock|open|close|pause|redrive|forget)/.test(name),
      ),
    ).toEqual(['insertIntake']);
    for (const name of nodeQueries()) expect(allowed).toContain(name);
  });

  test('the role of an operator sees no document, and settles only waiting writes and dead letters', async () => {
    const allowed = await allowedQueries(database.opsUrl);
    expect(
      allowed.filter((name) => /Documents?$|^(move|insertDead|block|wake|open|close|cancel|try)/.test(name)),
    ).toEqual(['listDocuments', 'countDocuments']);
    await expect(sql(database.opsUrl, 'select body from sluice.document')).rejects.toMatchObject(refused);
  });

  test('the role of a node cancels writes by a function, and can make no other outcome', async () => {
    await expect(
      sql(
        database.apiUrl,
        `insert into sluice.outcome (write_id, batch_id, ordinal, lane, result, resource, client)
         values (gen_random_uuid(), gen_random_uuid(), 0, 0, 'created', 'test/notes', '')`,
      ),
    ).rejects.toMatchObject(refused);
    await expect(sql(database.apiUrl, 'delete from sluice.intake')).rejects.toMatchObject(refused);
    // Nor says when a write arrived, or that it waits.
    for (const column of ['accepted_at', 'blocked_at', 'was_blocked']) {
      const insert = `insert into sluice.intake (write_id, ${column}) select write_id, ${column} from sluice.intake`;
      await expect(sql(database.apiUrl, insert)).rejects.toMatchObject(refused);
    }
    const id = '01998a4e-0000-7000-8000-000000000001';
    const rows = await sql(
      database.apiUrl,
      `select result, code from sluice.cancel_writes(gen_random_uuid(), array['${id}']::uuid[], '{0}', '{test/notes}', '{a}')`,
    );
    expect(rows).toEqual([{ result: 'not_applied', code: 'cancelled' }]);
  });
});

/** What PUBLIC may do with a database outside of our schema. */
async function openTo(url: string): Promise<unknown> {
  const [row] = await sql(
    url,
    `select array(select a.privilege_type from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                  where d.datname = current_database() and a.grantee = 0 order by 1) as of_database,
            array(select a.privilege_type from pg_namespace n, aclexplode(n.nspacl) a
                  where n.nspname = 'public' and a.grantee = 0 order by 1) as of_public,
            (select count(*) from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
             where p.pronamespace = 'pg_catalog'::regnamespace and p.proname like 'pg\\_%advisory\\_%' and a.grantee = 0)::integer
              as locks`,
  );
  return row;
}

const closed = { of_database: [], of_public: [], locks: 0 };

/** A database that other programs use, with a role of another program. */
async function sharedDatabase(): Promise<{ url: string; guest: string }> {
  const name = `${database.name}_shared`;
  const guest = `${name}_guest`;
  await execute(database.url, `create database ${name}`);
  await execute(database.url, `create role ${guest} login password 'guest of the test'`);
  onTestFinished(async () => {
    await execute(database.url, `drop database ${name} with (force)`);
    await execute(database.url, `drop role ${guest}`);
  });
  const url = databaseUrl(database.url, name);
  const login = new URL(url);
  login.username = guest;
  login.password = 'guest of the test';
  await migrate({ url });
  return { url, guest: login.href };
}

describe('a database that is shared with other programs', () => {
  test('a shared database loses nothing by `sluice roles`, except with --exclusive-database', async () => {
    const { url, guest } = await sharedDatabase();
    const before = await openTo(url);
    expect(before).toMatchObject({ of_database: ['CONNECT', 'TEMPORARY'], of_public: ['USAGE'] });
    await applyRoles({ url, prefix: rolePrefix });
    await execute(url, rolesSql(rolePrefix));
    expect(await openTo(url)).toEqual(before);
    expect(await sql(guest, 'create temporary table mine (a integer)')).toEqual([]);
    expect(await sql(guest, 'select pg_advisory_lock(1)')).toHaveLength(1);
    // Rights to our tables are given by grants all the same.
    await expect(sql(guest, 'select from sluice.document')).rejects.toMatchObject(refused);
    await execute(url, rolesSql(rolePrefix, true));
    expect(await openTo(url)).toEqual(closed);
    await expect(execute(guest, 'select 1')).rejects.toMatchObject(refused);
  });

  test('--exclusive-database lists the rights and roles that it removes before it acts', async () => {
    const { url, guest } = await sharedDatabase();
    const before = await openTo(url);
    const preview = await previewExclusive({ url, prefix: rolePrefix });
    const name = new URL(url).pathname.slice(1);
    expect(preview.takesAway).toHaveLength(2 + (before as { locks: number }).locks);
    expect(preview.takesAway).toEqual(
      expect.arrayContaining([
        { object: `database ${name}`, privileges: ['CONNECT', 'TEMPORARY'] },
        { object: 'schema public', privileges: ['USAGE'] },
        { object: 'function pg_advisory_lock(bigint)', privileges: ['EXECUTE'] },
      ]),
    );
    expect(preview.shutOut).toContain(new URL(guest).username);
    expect(preview.shutOut).not.toContain(`${rolePrefix}_api`);
    expect(preview.staysOpen).toEqual([]);
    expect(await openTo(url)).toEqual(before);
    await applyRoles({ url, prefix: rolePrefix, exclusiveDatabase: true });
    expect(await previewExclusive({ url, prefix: rolePrefix })).toEqual({
      takesAway: [],
      shutOut: [],
      staysOpen: [],
    });
    expect(await previewExclusive({ url: roleUrl(url, 'migrate'), prefix: rolePrefix })).toMatchObject({
      staysOpen: ['database', 'advisory locks'],
    });
  });
});

describe('an exclusive database', () => {
  test('an exclusive database and its schema public are closed to all other roles', async () => {
    expect(await openTo(database.url)).toEqual(closed);
  });

  test('an exclusive database grants nothing of Sluice to PUBLIC', async () => {
    expect((await rights()).filter(({ role }) => role === 'public')).toEqual([]);
  });

  test('functions with their owner’s rights have a fixed search path, and an owner that is no superuser', async () => {
    const rows = await sql(
      database.url,
      `select p.proname as name, p.proconfig as settings, r.rolsuper as is_superuser
       from pg_proc p join pg_roles r on r.oid = p.proowner
       where p.pronamespace = 'sluice'::regnamespace and p.prosecdef
         -- A body of standard SQL is bound to what it names when it is made.
         and p.prosqlbody is null`,
    );
    expect(rows).toContainEqual(expect.objectContaining({ name: 'cancel_writes' }));
    for (const row of rows) {
      expect(row).toMatchObject({
        settings: expect.arrayContaining(['search_path=pg_catalog, pg_temp']) as string[],
        is_superuser: false,
      });
    }
  });
});

/** Names of the statements that a role may run: EXPLAIN looks at rights as execution does. */
async function allowedQueries(url: string): Promise<string[]> {
  const client = await openConnection(url);
  const allowed: string[] = [];
  for (const { name, text } of queries.values()) {
    await explainGeneric(async (explained) => (await client.query(explained)).rows, text).then(
      () => allowed.push(name),
      (error: unknown) => expect({ name, code: codeOf(error) }).toEqual({ name, ...refused }),
    );
  }
  return allowed;
}

/** The statements that the sources of a coordinated node name. */
function nodeQueries(): string[] {
  const files = [
    'create-client',
    'earlier-writes',
    'write-requests',
    'completion',
    'coordinated-path',
    'intake-gauge',
    'insert-statements',
    'blocked-quota',
  ];
  const source = files
    .map((file) => readFileSync(`${sqlFolder}../packages/sluice/src/client/${file}.ts`, 'utf8'))
    .join('\n');
  return [...queries.keys(), 'cancelWrites'].filter((name) => source.includes(`'${name}'`));
}
