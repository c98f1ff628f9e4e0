// Two deployments in two schemas of one database: what one does, the other neither hears, sees, nor waits for.

import { createClient, type ClientOptions, type SluiceClient } from 'sluice/internal/client';
import { readStatus, runDoctor, type DoctorOptions } from 'sluice/operator';
import {
  applyRoles,
  Database,
  lockKeysOf,
  migrate,
  roleName,
  rolesSql,
  type RoleKind,
} from 'sluice/internal/store';
import { createWriter, type Writer } from 'sluice/internal/writer';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readSettings } from '../../packages/server/src/cli/config/setting.ts';
import { databaseSettings } from '../../packages/server/src/cli/config/database-settings.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { patient } from '../support/patient.ts';
import { execute, roleUrl } from '../support/postgres.ts';
import { openConnection, sql } from '../support/sql.ts';
import { readSluice } from '../support/sluice.ts';
import { enrolment, remove, upsert } from '../support/world.ts';

const database = useDatabase();
/** A name that only quotes make a name, of several bytes a letter. */
const odd = 'Øther one-2.0';
const schemas = ['sluice', odd] as const;
type Schema = (typeof schemas)[number];
/** Roles belong to the server. */
const prefix = `schemas_${process.pid}`;
const lanes = 16;

const tableIn = (schema: string, name: string): string => `"${schema}".${name}`;
const count = async (schema: string, name: string, where = 'true'): Promise<number> => {
  const [row] = await sql(
    database.url,
    `select count(*)::int as n from ${tableIn(schema, name)} where ${where}`,
  );
  return row!['n'] as number;
};

function urlOf(schema: Schema, kind: RoleKind): string {
  const url = new URL(roleUrl(database.url, kind));
  if (schema === odd) url.username = roleName(kind, prefix);
  return url.href;
}

async function startNode(schema: Schema, more: Partial<ClientOptions> = {}): Promise<SluiceClient> {
  const node = createClient({
    ...patient,
    url: urlOf(schema, 'api'),
    schema,
    model,
    applicationName: `test ${schemas.indexOf(schema)} node`,
    ...more,
  });
  onTestFinished(() => node.stop());
  await node.start();
  return node;
}

async function startWriter(schema: Schema): Promise<Writer> {
  const writer = createWriter({
    url: urlOf(schema, 'writer'),
    schema,
    model,
    applicationName: `test ${schemas.indexOf(schema)} writer`,
  });
  onTestFinished(() => writer.stop());
  await writer.start();
  return writer;
}

async function deploy(schema: Schema, writers = 2): Promise<SluiceClient> {
  const started = await Promise.all(Array.from({ length: writers }, () => startWriter(schema)));
  await eventually(() =>
    expect(started.flatMap((writer) => writer.status().lanes)).toHaveLength(writers === 0 ? 0 : lanes),
  );
  return startNode(schema);
}

/** Documents of every kind: new, referred to before they are there, removed. Few at once: it is about who hears of them. */
async function load(node: SluiceClient, first: number): Promise<void> {
  for (let id = first; id < first + 30; id += 6) {
    const ids = Array.from({ length: 6 }, (_, index) => id + index);
    const outcomes = await Promise.all(
      ids.flatMap((each) => [
        node.submit(upsert('enrolments', enrolment(each, each), { waitForReferencesSeconds: 20 })),
        node.submit(upsert('schools', { schoolId: each })),
        node.submit(upsert('notes', { noteId: each })),
      ]),
    );
    expect(outcomes.map(({ result }) => result)).toEqual(outcomes.map(() => 'created'));
    const notes = outcomes.filter((_, index) => index % 3 === 2);
    const removed = await Promise.all(
      notes.map(({ documentId }) => node.submit(remove('notes', documentId!))),
    );
    expect(removed.map(({ result }) => result)).toEqual(notes.map(() => 'deleted'));
  }
}

/** Every channel that processes of this schema may notify on. */
async function listenTo(schema: Schema): Promise<string[]> {
  const ears = await openConnection(database.url);
  const heard: string[] = [];
  ears.on('notification', ({ channel }) => heard.push(channel));
  const nodes = await sql(database.url, `select distinct node from ${tableIn(schema, 'intake')}`);
  const channels = ['wakeup', 'lanes', 'provided', ...nodes.map(({ node }) => `node_${String(node)}`)];
  for (let lane = 0; lane < lanes; lane++) channels.push(`wakeup_${lane}`);
  for (const channel of channels) await ears.query(`listen "${schema}_${channel}"`);
  return heard;
}

async function withDatabaseOf<T>(schema: Schema, work: (database: Database) => Promise<T>): Promise<T> {
  const ofSchema = new Database({ url: urlOf(schema, 'ops'), schema, applicationName: 'test' });
  try {
    return await work(ofSchema);
  } finally {
    await ofSchema.close();
  }
}

const diagnose = async (schema: Schema, options: DoctorOptions = {}) =>
  withDatabaseOf(schema, async (ofSchema) => {
    const { findings } = await runDoctor(ofSchema, options);
    const found = Object.fromEntries(findings.map(({ check, verdict }) => [check, verdict]));
    const concerning = [
      'schema_version',
      'schema_parts',
      'notifications',
      'leaders',
      'paused',
      'strangers',
    ] as const;
    return Object.fromEntries(concerning.map((check) => [check, found[check]]));
  });

beforeAll(async () => {
  await Promise.all([
    migrate({ url: database.url, schema: odd }),
    migrate({ url: database.url, schema: odd }),
    migrate({ url: database.url }),
  ]);
  const passwords = { api: 'sluice_test', writer: 'sluice_test', ops: 'sluice_test', migrate: 'sluice_test' };
  await applyRoles({ url: database.url, schema: odd, prefix, passwords });
  await applyRoles({ url: database.url, schema: odd, prefix });
});

afterAll(async () => {
  for (const kind of ['api', 'writer', 'ops', 'migrate'] as const) {
    const role = roleName(kind, prefix);
    if (kind === 'migrate') await execute(database.url, `drop schema "${odd}" cascade`);
    await execute(database.url, `drop owned by ${role}; drop role ${role}`);
  }
});

describe('a second schema', () => {
  test('a second schema has everything that the first has, and nothing in it names the first', async () => {
    const namesIn = async (schema: string) =>
      sql(
        database.url,
        `select 'relation' as kind, relname as name from pg_class where relnamespace = $1::regnamespace
         union all select 'function', proname from pg_proc where pronamespace = $1::regnamespace
         union all select 'constraint', conname from pg_constraint where connamespace = $1::regnamespace
         union all select 'trigger', tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
           where relnamespace = $1::regnamespace and not tgisinternal
         order by 1, 2`,
        [`"${schema}"`],
      );
    const names = await namesIn('sluice');
    expect(names.length).toBeGreaterThan(100);
    expect(await namesIn(odd)).toEqual(names);

    const texts = await sql(
      database.url,
      `select proname as name, prosrc as text from pg_proc where pronamespace = $1::regnamespace
       union all select relname, pg_get_viewdef(oid) from pg_class where relnamespace = $1::regnamespace and relkind = 'v'
       union all select conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = $1::regnamespace
       union all select c.relname, pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_class c on c.oid = d.adrelid
         where relnamespace = $1::regnamespace`,
      [`"${odd}"`],
    );
    const keys = Object.values(lockKeysOf('sluice')).join('|');
    // Sentences of errors, apart.
    const foreign = new RegExp(`\\bsluice\\.|'sluice[_']|${keys}`);
    expect(texts.filter(({ text }) => foreign.test(text as string))).toEqual([]);
  });

  test.each(schemas)('the roles of the schema %s may not read the other', async (schema) => {
    const other = schemas.find((each) => each !== schema)!;
    for (const kind of ['api', 'writer', 'ops'] as const) {
      const url = urlOf(schema, kind);
      expect(await sql(url, `select from ${tableIn(schema, 'outcome')} limit 0`)).toEqual([]);
      await expect(sql(url, `select from ${tableIn(other, 'outcome')} limit 0`)).rejects.toMatchObject({
        code: '42501',
      });
    }
  });

  test('the printed text of the roles names the schema that was asked for', () => {
    const text = rolesSql(undefined, false, 'other');
    expect(text).toContain(`set local sluice.role_prefix = 'other'`);
    expect(text).toContain('schema "other"');
    expect(text.replaceAll(/sluice\.(role_prefix|exclusive_database|verifier_)/g, '')).not.toMatch(
      /\bsluice\.|schema sluice|'sluice'/,
    );
  });
});

describe('two deployments in one database', () => {
  test('two deployments commit the same documents under load, each in its own schema with its own locks', async () => {
    const nodes = await Promise.all(schemas.map((schema) => deploy(schema)));
    await Promise.all(nodes.map((node) => load(node, 1000)));
    for (const schema of schemas) {
      expect(await count(schema, 'document')).toBe(60);
      expect(await count(schema, 'outcome')).toBe(120);
      expect(await count(schema, 'intake')).toBe(0);
      expect(await count(schema, 'dead_letter')).toBe(0);
      expect(await count(schema, 'writer')).toBe(2);
      const { migration, lane } = lockKeysOf(schema);
      const holders = await sql(
        database.url,
        `select a.application_name as name, count(*) filter (where k.classid = $2)::int as lanes
         from pg_locks k join pg_stat_activity a on a.pid = k.pid
         where k.locktype = 'advisory' and k.database = (select oid from pg_database where datname = current_database())
           and k.classid between $1 and $1::bigint + 2 group by 1`,
        [migration, lane],
      );
      expect(holders).toEqual([{ name: `test ${schemas.indexOf(schema)} writer`, lanes }]);
    }
  });

  test.each(schemas)(
    'the deployment in the schema %s hears no hint of the other, which does all the work',
    async (quiet) => {
      const busy = schemas.find((schema) => schema !== quiet)!;
      const node = await deploy(busy);
      await deploy(quiet, 1);
      const [atQuiet, atBusy] = [await listenTo(quiet), await listenTo(busy)];
      await load(node, quiet === odd ? 2000 : 3000);
      expect(atBusy.length).toBeGreaterThan(10);
      // What was sent before comes before: then it has heard all.
      await execute(database.url, `notify "${quiet}_wakeup"; notify "${busy}_wakeup"`);
      await eventually(() => expect(atQuiet.at(-1)).toBe(`${quiet}_wakeup`));
      expect(atQuiet).toEqual([`${quiet}_wakeup`]);
    },
  );

  test('status and doctor show each of two deployments alone', async () => {
    await deploy('sluice', 1);
    await startNode(odd);
    // Registered, and without a leader.
    const well = {
      schema_version: 'ok',
      schema_parts: 'ok',
      notifications: 'ok',
      paused: 'ok',
      strangers: 'ok',
    };
    expect(await diagnose('sluice')).toEqual({ ...well, leaders: 'ok' });
    expect(await diagnose(odd)).toEqual({ ...well, leaders: 'warning' });
    const stranger = await openConnection(database.url);
    await stranger.query('select pg_advisory_lock($1, 3)', [lockKeysOf(odd).lane]);
    expect(await diagnose('sluice')).toEqual({ ...well, leaders: 'ok' });
    expect(await diagnose(odd)).toEqual({ ...well, leaders: 'warning', strangers: 'fault' });
    const [first, second] = await Promise.all(
      schemas.map((schema) => withDatabaseOf(schema, (ofSchema) => readStatus(ofSchema))),
    );
    expect(first).toMatchObject({ isHealthy: true, lanesWithoutLeader: 0, writers: 1 });
    expect(second).toMatchObject({ isHealthy: false, lanesWithoutLeader: lanes, writers: 0 });
  });
});

describe('the name of a schema', () => {
  test.each([
    ['', 'is not a letter'],
    ['2nd', 'is not a letter'],
    ['a"b', 'is not a letter'],
    ["a'b", 'is not a letter'],
    ['a$$b', 'is not a letter'],
    ['a%sb', 'is not a letter'],
    ['ends with a space ', 'is not a letter'],
    ['é'.repeat(21), 'has more than 40 bytes'],
    ['pg_mine', 'belongs to PostgreSQL'],
    ['information_schema', 'belongs to PostgreSQL'],
    ['public', 'is public'],
  ])('the name of a schema may not be %j', async (schema, reason) => {
    const url = database.apiUrl;
    const refusal = { code: 'configuration_invalid', message: expect.stringContaining(reason) as string };
    await expect(migrate({ url, schema })).rejects.toMatchObject(refusal);
    await expect(applyRoles({ url, schema })).rejects.toMatchObject(refusal);
    expect(() => createClient({ url, schema, model })).toThrow(reason);
    expect(() => createWriter({ url, schema, model })).toThrow(reason);
    expect(() => new Database({ url, schema, applicationName: 'test' })).toThrow(reason);
  });

  test('migrate refuses a schema with tables of another program, and leaves them unchanged', async () => {
    await execute(database.url, 'create schema theirs; create table theirs.thing ()');
    await expect(migrate({ url: database.url, schema: 'theirs' })).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: 'Cannot migrate the schema "theirs": it holds tables of others',
    });
    expect(
      await sql(database.url, `select relname from pg_class where relnamespace = 'theirs'::regnamespace`),
    ).toEqual([{ relname: 'thing' }]);
  });

  test('the name of a schema is a setting of the command line', async () => {
    const settings = { DATABASE_URL: database.url };
    const made = await readSluice(['migrate', '--schema', 'by_flag'], settings);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(await count('by_flag', 'migration')).toBeGreaterThan(10);
    expect(readSettings(databaseSettings, {}, { SLUICE_SCHEMA: odd }).schema).toBe(odd);
    expect(() => readSettings(databaseSettings, { schema: 'public' }, {})).toThrow(
      'Cannot use the schema because its name is public: everything in the schema belongs to Sluice (--schema)',
    );
  });
});

test('a schema with tables of the same names from another program is told as one of another version', async () => {
  await execute(
    database.url,
    `create schema stranger; create table stranger.migration (id integer);
     create table stranger.setting (id integer); create table stranger.lane (id integer)`,
  );
  const operator = new Database({ url: database.url, schema: 'stranger', applicationName: 'test' });
  onTestFinished(() => operator.close());
  const { findings } = await runDoctor(operator);
  expect(findings.filter(({ check }) => check === 'schema_version')).toMatchObject([
    { verdict: 'fault', says: 'The database has no Sluice schema of this version' },
  ]);
  for (const each of [
    createWriter({ url: database.url, schema: 'stranger', model }),
    createClient({ url: database.url, schema: 'stranger', model }),
  ]) {
    onTestFinished(() => each.stop());
    await expect(each.start()).rejects.toMatchObject({ code: 'schema_outdated' });
  }
});
