// Many data stores in one deployment: two servers, three stores, two nodes and two writers as processes.

import { Agent, request as httpRequest } from 'node:http';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@sluice/dev/embedded';
import { createClient } from 'sluice/internal/client';
import { agree, Database, migrate, StoreCopy } from 'sluice/internal/store';
import { readTargets, saveTargets, targetLine } from 'sluice/internal/targets';
import { checkRows } from 'sluice/operator';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import type { Model } from 'sluice/model';
import { databaseUrl, execute } from '../support/postgres.ts';
import { runHere } from '../support/run-here.ts';
import { parseScrape } from '../support/scrape.ts';
import { sluiceProgram } from '../support/sluice-program.ts';
import { makeServerFolder } from '../support/server-folder.ts';
import { readSluice, startSluice, type RunningSluice } from '../support/sluice.ts';
import { openConnection, sql } from '../support/sql.ts';
import { fresh, upsert } from '../support/world.ts';

const database = useDatabase();
let folder: string;
let file: string;
let southFolder: string;
let south: EmbeddedPostgres;
let migrated: { code: number | null; text: string };
let nodes: string[];
let processes: RunningSluice[];
const ends: (() => void)[] = [];
const southSettings = { fsync: 'off', shared_buffers: '16MB', max_connections: '500' };
/** Stores on the second server that one test adds to the three. */
const more = Array.from({ length: 17 }, (_, index) => `district-${index}`);

const modelFile = (): string => join(folder, 'model.json');

/** Runs a command to its end, as it was built where that is up to date. */
const run = (
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  atEnd: (kill: () => void) => void = onTestFinished,
) => readSluice(args, settings, atEnd, sluiceProgram);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-stores-'));
  file = join(folder, 'stores.json');
  southFolder = await makeServerFolder('sluice-south-');
  south = await startEmbeddedPostgres({
    dataDir: southFolder,
    settings: southSettings,
  });
  const southUrl = databaseUrl(south.url, 'south');
  await execute(databaseUrl(south.url, 'postgres'), 'create database south');
  await writeFile(join(folder, 'south.url'), southUrl);
  await writeFile(
    file,
    JSON.stringify({
      stores: {
        north: { databaseUrl: database.url, hosts: ['north.example.org'] },
        east: { databaseUrl: database.url, schema: 'second' },
        south: { databaseUrlFile: 'south.url' },
      },
    }),
  );
  await writeFile(
    modelFile(),
    JSON.stringify({
      project: 'Test',
      resources: [{ name: 'Note', endpoint: 'test/notes', identity: ['$.noteId'] }],
    }),
  );
  migrated = await run(['migrate', '--stores', file, '--all-stores'], {}, (end) => ends.push(end));
  const southAdmin = databaseUrl(south.url, 'postgres');
  await Promise.all(
    more.map((name) => execute(southAdmin, `create database "${name}" template south strategy file_copy`)),
  );
  const common = [
    '--stores',
    file,
    '--model',
    modelFile(),
    '--store-idle-ms',
    '1500',
    '--log-level',
    'warn',
    '--config',
    'none',
  ];
  const start = (args: string[]): RunningSluice =>
    startSluice([...args, ...common], {}, (end) => ends.push(end));
  processes = [
    start(['api', '--port', '0']),
    start(['api', '--port', '0']),
    start(['writer']),
    start(['writer']),
  ];
  const ready = await Promise.all(processes.map((each) => each.event('ready')));
  nodes = ready.slice(0, 2).map(({ url }) => url as string);
}, 120_000);

afterAll(async () => {
  ends.forEach((end) => end());
  if (process.env['DEBUG_STORES']) for (const each of processes) console.error((await each.ended).stderr);
  await south?.stop();
  for (const each of [folder, southFolder]) await rm(each, { recursive: true, force: true });
});

interface Answer {
  status: number;
  location: string | undefined;
  body: Record<string, unknown>;
}

/** It closes an idle connection before the nodes do, because a request that comes just then breaks. */
const agent = new Agent({ keepAlive: true, timeout: 20_000 });

/** By hand, as `fetch` sets Host itself. */
function ask(
  method: string,
  path: string,
  { node = 0, host, body, prefer }: { node?: number; host?: string; body?: object; prefer?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(host === undefined ? {} : { host }),
      ...(prefer === undefined ? {} : { prefer }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const sent = httpRequest(`${nodes[node]}${path}`, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = /json/.test(response.headers['content-type'] ?? '');
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location,
          body: (isJson ? JSON.parse(text) : { text }) as Record<string, unknown>,
        });
      });
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const write = (
  store: string,
  more: { node?: number; host?: string; prefer?: string } = {},
): Promise<Answer> =>
  ask('POST', `${store === '' ? '' : `/${store}`}/data/test/notes`, { ...more, body: { noteId: fresh() } });

/** Sessions of nodes and writers on a database. */
async function sessionsOf(url: string): Promise<string[]> {
  const rows = await sql(
    url,
    `select application_name as name from pg_stat_activity
     where datname = current_database() and application_name ~ '^sluice (node|writer)'`,
  );
  return rows.map(({ name }) => name as string);
}

const hangUp = (): void => processes.forEach((each) => each.kill('SIGHUP'));

test('`sluice migrate --all-stores` brings each store up to date, names it in each line, and ends with a summary', () => {
  expect(migrated).toMatchObject({ code: 0 });
  const lines = migrated.text.trimEnd().split('\n');
  expect(lines.filter((line) => !/^(north|east|south): /.test(line))).toEqual(['3 stores: 3 exited with 0']);
  expect(lines.filter((line) => line.startsWith('east: ran 0001'))).toHaveLength(1);
  expect(lines.filter((line) => line.startsWith('north: ran'))).toEqual([]);
});

test('a request goes to the store that its path names, on every node, and to no other', async () => {
  const created = await write('north');
  expect(created).toMatchObject({ status: 201 });
  const path = new URL(created.location!, nodes[0]).pathname;
  expect(path).toMatch(/^\/north\/data\/test\/notes\//);
  expect(await ask('GET', path, { node: 1 })).toMatchObject({ status: 200 });
  expect(await ask('GET', path.replace('north', 'east'), { node: 1 })).toMatchObject({ status: 404 });
  expect(await write('east', { node: 1 })).toMatchObject({ status: 201 });
  expect(await write('south', { node: 1 })).toMatchObject({ status: 201 });
});

test('two nodes and two writers serve twenty stores on two servers, and nineteen while one refuses connections', async () => {
  const before = await readFile(file, 'utf8');
  const entries = more.map((name) => [name, { databaseUrl: databaseUrl(south.url, name) }]);
  const { stores } = JSON.parse(before) as { stores: object };
  await writeFile(file, JSON.stringify({ stores: { ...stores, ...Object.fromEntries(entries) } }));
  const names = [...Object.keys(stores), ...more];
  expect(names).toHaveLength(20);
  /** A few at a time, so that a busy machine opens them in time. */
  const writeToEach = async (targets: readonly (readonly [store: string, node: number])[]): Promise<void> => {
    const waiting = [...targets];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [store, node] = next;
        await eventually(async () =>
          expect({ store, ...(await write(store, { node })) }).toMatchObject({ store, status: 201 }),
        );
      }
    };
    await Promise.all(Array.from({ length: 4 }, work));
  };
  await writeToEach(names.flatMap((name) => [[name, 0] as const, [name, 1] as const]));
  const [closed = '', ...others] = names.toReversed();
  const admin = databaseUrl(south.url, 'postgres');
  await execute(admin, `alter database "${closed}" with allow_connections false`);
  await execute(
    admin,
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${closed}'`,
  );
  const refused = eventually(async () =>
    expect(await write(closed, { prefer: 'wait=1' })).toMatchObject({
      status: 503,
      body: { code: 'database_unavailable' },
    }),
  );
  await writeToEach(others.map((name, index) => [name, index % 2]));
  await refused;
  await execute(admin, `alter database "${closed}" with allow_connections true`);
  await writeToEach([[closed, 0]]);
  const [row] = await sql(databaseUrl(south.url, closed), 'select count(*)::int as n from sluice.document');
  // Both nodes, and the end; more, if a write was stored and its answer came late.
  expect(row!['n']).toBeGreaterThanOrEqual(3);
  await writeFile(file, before);
  await eventually(async () => expect(await write(closed)).toMatchObject({ status: 404 }));
}, 120_000);

test('a request of a host that a store has needs no store in its path, and a path comes before the host', async () => {
  const created = await write('', { host: 'north.example.org:8080' });
  expect(created.status).toBe(201);
  const path = new URL(created.location!, nodes[0]).pathname;
  expect(await ask('GET', path, { host: 'north.example.org' })).toMatchObject({ status: 200 });
  expect(await write('east', { host: 'north.example.org' })).toMatchObject({ status: 201 });
});

test('a path without a store, or with one that there is not, is answered 404 and says so', async () => {
  for (const path of ['/west/data/test/notes', '/data/test/notes', '/', '/readyz?store=west']) {
    const { status, body } = await ask('GET', path);
    expect({ path, status, ...body }).toMatchObject({ status: 404, detail: 'No data store has this name.' });
  }
});

test('the page at /dashboard/ of a node leads to the page of each store', async () => {
  const picker = await ask('GET', '/dashboard/');
  const links = [...(picker.body['text'] as string).matchAll(/<a href="([^"]+)"/g)].map(([, link]) => link!);
  expect(links).toEqual(['/north/dashboard/', '/east/dashboard/', '/south/dashboard/']);
  const page = await ask('GET', links[1]!);
  expect(page).toMatchObject({ status: 200 });
  expect(page.body['text']).toContain('<html');
});

test('`sluice dashboard --stores` serves the page of each store', async () => {
  const args = ['dashboard', '--stores', file, '--port', '0', '--config', 'none'];
  const { url } = await startSluice(args).event('ready');
  const session = await fetch(new URL('/east/dashboard/session', url as string));
  expect(session.status).toBe(200);
  expect(await session.json()).toMatchObject({ isReadOnly: false });
  expect((await fetch(new URL('/west/dashboard/', url as string))).status).toBe(404);
});

test('metrics carry the store as a label, and each metric stands in one place', async () => {
  // On a machine that stalls, one may be asleep again when the other has answered.
  const text = await eventually(async () => {
    await Promise.all([write('north'), write('east')]);
    const { body } = await ask('GET', '/metrics');
    const told = body['text'] as string;
    const stores = parseScrape(told).samples.flatMap(({ name, labels }) =>
      name === 'sluice_write_duration_seconds_count' && labels['result'] === 'created'
        ? [labels['store']]
        : [],
    );
    expect(stores).toEqual(expect.arrayContaining(['north', 'east']));
    return told;
  });
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(names).toEqual([...new Set(names)]);
});

test('an unused store sleeps without a connection, on nodes and writers, and its next write wakes it', async () => {
  await write('north');
  expect(await sessionsOf(database.url)).toContain('sluice node listener');
  await eventually(async () => expect(await sessionsOf(database.url)).toEqual([]));
  expect(await ask('GET', '/readyz?store=north')).toMatchObject({ status: 200, body: { state: 'asleep' } });
  expect(await ask('GET', '/north/healthz')).toMatchObject({ status: 200 });
  const nodesThere = (await sessionsOf(database.url)).filter((name) => name.startsWith('sluice node'));
  expect(nodesThere).toEqual([]);
  expect(await write('north')).toMatchObject({ status: 201 });
  expect(await ask('GET', '/readyz?store=north')).toMatchObject({
    status: 200,
    body: { status: 'ready', mode: 'coordinated' },
  });
});

test('a write that waits in a sleeping store is found even without a node', async () => {
  await eventually(async () => expect(await sessionsOf(database.url)).toEqual([]));
  const client = createClient({
    url: database.url,
    model: await readNotes(),
    applicationName: 'another program',
  });
  onTestFinished(() => client.stop());
  await client.start();
  const outcome = await client.submit({
    ...upsert('notes', { noteId: fresh() }),
    resource: client.model.findEndpoint('test/notes')!,
  });
  expect(outcome).toMatchObject({ result: 'created' });
});

test('a store whose server is stopped answers 503 by itself, and is back without a restart', async () => {
  expect(await write('south')).toMatchObject({ status: 201 });
  await south.stop();
  // First a write of the open store fails; then, once the store sleeps, it cannot be opened.
  await eventually(async () =>
    expect(await write('south', { prefer: 'wait=1' })).toMatchObject({ status: 503 }),
  );
  expect(await ask('GET', '/readyz?store=south')).toMatchObject({ status: 503 });
  await eventually(async () =>
    expect(await ask('GET', '/readyz?store=south')).toMatchObject({ body: { state: 'asleep' } }),
  );
  expect(await write('south')).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
  expect(await ask('GET', '/readyz')).toMatchObject({ status: 200, body: { stores: 3, failed: 1 } });
  expect(await ask('GET', '/readyz?store=south')).toMatchObject({ status: 503 });
  for (const store of ['north', 'east']) expect(await write(store)).toMatchObject({ status: 201 });
  const { port } = south;
  south = await startEmbeddedPostgres({
    dataDir: southFolder,
    port,
    settings: southSettings,
  });
  await eventually(async () => expect(await write('south', { node: 1 })).toMatchObject({ status: 201 }));
});

test('SIGHUP adds and removes stores without a restart, and keeps them where the file cannot be used', async () => {
  const settings = { SLUICE_STORES: file };
  const added = await run(
    ['stores', 'add', 'west', '--database-url-variable', 'WEST', '--schema', 'third'],
    settings,
  );
  expect(added.text).toContain('store "west": databaseUrlVariable names a variable that is not set');
  // The processes do not have the variable.
  hangUp();
  await eventually(async () => expect(await write('north')).toMatchObject({ status: 201 }));
  expect(await write('west')).toMatchObject({ status: 404 });
  await runHere(['stores', 'remove', 'west'], settings);
  await writeFile(join(folder, 'west.url'), database.url);
  await runHere(['stores', 'add', 'west', '--database-url-file', 'west.url', '--schema', 'third'], settings);
  await runHere(['migrate', '--store', 'west'], settings);
  hangUp();
  await eventually(async () => expect(await write('west', { node: 1 })).toMatchObject({ status: 201 }));
  await runHere(['stores', 'remove', 'west'], settings);
  hangUp();
  await eventually(async () => expect(await write('west', { node: 1 })).toMatchObject({ status: 404 }));
  expect(await write('north')).toMatchObject({ status: 201 });
});

test('operator commands work in one store or in all, and say which', async () => {
  const settings = { SLUICE_STORES: file };
  expect(await run(['lanes', '--store', 'east'], settings)).toMatchObject({ code: 0 });
  const all = await run(['writers', '--all-stores', '--json'], settings);
  const lines = all.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ store }) => store)).toEqual(['north', 'east', 'south', undefined]);
  expect(lines.at(-1)).toEqual({ stores: 3, endedWith0: 3, others: {} });
  const check = await run(['stores', 'check'], settings);
  expect(check).toMatchObject({ code: 0 });
  expect(check.text).toMatch(/^south: reachable, its schema has version \d+$/m);
  const list = await run(['stores', 'list'], settings);
  const { password } = new URL(database.url);
  expect(list.text).not.toContain(`:${password}@`);
  expect(list.text).toMatch(/^east +second +postgres:/m);
});

/** Writes into a store over both nodes, until told to stop. Every note that was acknowledged is told, with the longest wait. */
function keepWriting(store: string): () => Promise<{ answers: Answer[]; longestMs: number }> {
  const answers: Answer[] = [];
  let longestMs = 0;
  const over = new AbortController();
  const loop = async (node: number, prefer?: string): Promise<void> => {
    while (!over.signal.aborted) {
      const began = performance.now();
      answers.push(await write(store, { node, ...(prefer === undefined ? {} : { prefer }) }));
      longestMs = Math.max(longestMs, performance.now() - began);
    }
  };
  const loops = [loop(0), loop(1), loop(0, 'respond-async'), loop(1)];
  return async () => {
    over.abort();
    await Promise.all(loops);
    return { answers, longestMs };
  };
}

const entryOf = async (store: string): Promise<Record<string, unknown> | undefined> =>
  (JSON.parse(await readFile(file, 'utf8')) as { stores: Record<string, Record<string, unknown>> }).stores[
    store
  ];

async function createTarget(name: string): Promise<string> {
  const url = databaseUrl(south.url, name);
  await execute(databaseUrl(south.url, 'postgres'), `create database ${name}`);
  await writeFile(join(folder, `${name}.url`), url);
  return url;
}

const move = ['stores', 'move', '--wait', '30s', '--file-delay', '1s'];

test('`sluice stores move` moves a store to another server while clients write: none sees an error, and no write is lost or doubled', async () => {
  const target = await createTarget('moved');
  const stop = keepWriting('east');
  await eventually(async () =>
    expect(await sql(database.url, 'select from second.document limit 9')).toHaveLength(9),
  );
  const moved = await run([...move, 'east', '--to-file', 'moved.url', '--stores', file]);
  expect(moved).toMatchObject({ code: 0 });
  expect(moved.text).toMatch(/^east: moved [\d,]+ rows; its requests were held back for \d+\.\d s$/m);
  const there = async (): Promise<number> =>
    (await sql(target, 'select count(*)::int as n from second.document'))[0]!['n'] as number;
  const moving = await there();
  await eventually(async () => expect(await there()).toBeGreaterThan(moving + 9));
  const { answers, longestMs } = await stop();
  console.log(
    `longest wait of a client during the move: ${Math.round(longestMs)} ms, ${answers.length} writes`,
  );
  expect(answers.filter(({ status }) => ![201, 202].includes(status))).toEqual([]);

  await eventually(async () => expect(await sql(target, 'select from second.intake')).toEqual([]));
  const notes = await sql(target, `select body ->> 'noteId' as id from second.document`);
  const before = await sql(database.url, `select body ->> 'noteId' as id from second.document`);
  const known = new Set(notes.map(({ id }) => id));
  expect(known.size).toBe(notes.length);
  expect(before.filter(({ id }) => !known.has(id))).toEqual([]);
  const created = answers.filter(({ status }) => status === 201);
  const paths = created.map(({ location }) => new URL(location!, nodes[0]).pathname.split('/').at(-1));
  const ids = await sql(target, 'select document_id as id from second.document where document_id = any($1)', [
    paths,
  ]);
  expect(ids).toHaveLength(created.length);
  expect(notes.length).toBeGreaterThanOrEqual(answers.length);
  const inTarget = new Database({ url: target, schema: 'second', applicationName: 'test' });
  onTestFinished(() => inTarget.close());
  expect((await checkRows(inTarget)).filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
  expect(await sql(target, 'select lane from second.lane where paused_at is not null')).toEqual([]);

  // Whatever still knows the old place only is refused there.
  await expect(
    sql(
      database.url,
      `insert into second.outcome (write_id, batch_id, ordinal, lane, result, resource, client)
      values (gen_random_uuid(), gen_random_uuid(), 0, 0, 'created', 'notes', 'late')`,
    ),
  ).rejects.toMatchObject({ constraint: 'store_has_moved' });
}, 60_000);

test('a move that fails in the middle, or is killed and given up, leaves the store where it was', async () => {
  const target = await createTarget('elsewhere');
  await migrate({ url: target });
  await execute(target, `insert into sluice.student_school values (gen_random_uuid(), 'somebody', 1)`);
  await expect(StoreCopy.open(database.url, target, 'sluice')).rejects.toThrow(
    'the target is not empty: there are rows in student_school',
  );
  await execute(target, 'delete from sluice.student_school');
  const blocker = await openConnection(target);
  const moveNorth = (): RunningSluice =>
    startSluice([...move, 'north', '--to-file', 'elsewhere.url', '--stores', file]);
  /** The copy waits half-way, for a lock of this test. */
  const awaitMiddle = async (): Promise<void> =>
    eventually(async () =>
      expect(
        await sql(
          target,
          `select from pg_stat_activity where datname = current_database() and application_name = 'sluice move' and wait_event_type = 'Lock'`,
        ),
      ).toHaveLength(1),
    );
  const isWhereItWas = async (): Promise<void> => {
    expect(await entryOf('north')).not.toHaveProperty('moving');
    expect(await entryOf('north')).toMatchObject({ databaseUrl: database.url });
    expect(await sql(database.url, 'select from sluice.lane where paused_at is not null')).toEqual([]);
    expect(await sql(target, 'select from sluice.document')).toEqual([]);
  };
  expect(await write('north')).toMatchObject({ status: 201 });

  await blocker.query('begin; lock table sluice.alias in share mode');
  const failing = moveNorth();
  await awaitMiddle();
  const waiting = write('north', { node: 1 });
  expect(await ask('GET', '/readyz?store=north')).toMatchObject({ status: 200, body: { state: 'asleep' } });
  const ended = await sql(
    target,
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'sluice move'`,
  );
  expect(ended).toHaveLength(1);
  expect(await failing.ended).toMatchObject({ code: 1 });
  expect(await waiting).toMatchObject({ status: 201 });
  await blocker.query('rollback');
  await isWhereItWas();

  await blocker.query('begin; lock table sluice.alias in share mode');
  const killed = moveNorth();
  await awaitMiddle();
  const held = write('north');
  const abort = (): Promise<void> => runHere(['stores', 'move', 'north', '--abort'], { SLUICE_STORES: file });
  await expect(abort()).rejects.toThrow('a command is moving it');
  killed.kill('SIGKILL');
  await killed.ended;
  expect(await entryOf('north')).toMatchObject({ moving: true });
  await eventually(abort);
  expect(await held).toMatchObject({ status: 201 });
  await blocker.query('rollback');
  await isWhereItWas();
}, 60_000);

test('a store with tables, triggers or keys outside of its schema is refused by `sluice stores move` before anything changes', async () => {
  const own = await createTarget('own');
  const target = await createTarget('own_target');
  await migrate({ url: own });
  const database = new Database({ url: own, applicationName: 'test' });
  onTestFinished(() => database.close());
  await execute(
    own,
    `create table pupil (pupil_id integer primary key, document_id uuid references sluice.document on delete cascade);
     create function note() returns trigger language plpgsql as 'begin return null; end';
     create trigger is_noted after insert on sluice.document for each row execute function note()`,
  );
  await agree(database, {
    lanes: 2,
    modelHash: 'a model',
    projections: [
      { name: 'enrollment', resources: ['test/notes'] },
      { name: 'organization_hierarchy', resources: ['test/notes'] },
    ],
    targets: targetLine('public.two words', 'table', ['id']),
  });
  await saveTargets(database, await readTargets(database, [{ table: 'pupil' }]));
  const stores = join(folder, 'own.json');
  const entry = { databaseUrlFile: 'own.url' };
  await writeFile(stores, JSON.stringify({ stores: { own: entry } }));
  await expect(
    runHere(['stores', 'move', 'own', '--to-file', 'own_target.url'], { SLUICE_STORES: stores }),
  ).rejects.toThrow(
    'Cannot move the store: it has what a copy of its schema would leave behind: foreign key pupil_document_id_fkey; ' +
      'projection enrollment; targets public.pupil, public.two words; trigger is_noted. Move its whole database',
  );
  expect(JSON.parse(await readFile(stores, 'utf8'))).toEqual({ stores: { own: entry } });
  expect(await sql(own, 'select from sluice.lane where paused_at is not null')).toEqual([]);
  expect(await sql(target, `select from pg_namespace where nspname = 'sluice'`)).toEqual([]);
});

test.each([
  [['status'], {}, 'with --stores, this command needs --store <name> or --all-stores'],
  [['status', '--store', 'west'], {}, 'Cannot find the store in'],
  [['status', '--store', 'north', '--all-stores'], {}, 'Cannot use --store and --all-stores together'],
  [['status', '--all-stores', '--watch'], {}, 'Cannot use --watch and --all-stores together'],
  [
    ['status', '--store', 'north'],
    { DATABASE_URL: 'postgres://h/d' },
    'SLUICE_STORES and DATABASE_URL exclude each other',
  ],
  [['writer', '--schema', 'x', '--model', 'm'], {}, 'SLUICE_STORES and --schema exclude each other'],
  [
    ['status', '--all-stores'],
    { SLUICE_STORES: '' },
    'Cannot use --all-stores without --stores (SLUICE_STORES)',
  ],
])('%j with %j is refused: %s', async (args, settings, reason) => {
  await expect(runHere(args, { SLUICE_STORES: file, ...settings })).rejects.toThrow(reason);
});

test('one store that fails does not keep a command from the others, and the summary names it', async () => {
  const broken = join(folder, 'broken.json');
  const entries = JSON.parse(await readFile(file, 'utf8')) as { stores: Record<string, unknown> };
  await writeFile(
    broken,
    JSON.stringify({
      stores: {
        lost: { databaseUrl: databaseUrl(database.url, 'no_such_database') },
        north: entries.stores['north'],
      },
    }),
  );
  const { code, text, stderr } = await run(['migrate', '--stores', broken, '--all-stores']);
  expect(stderr).toMatch(/^lost: Cannot use the database .*the server has no database "no_such_database"/m);
  expect(text).toMatch(/^north: The schema has version/m);
  expect(text).toMatch(/^2 stores: 1 exited with 0, lost with 1$/m);
  expect(code).toBe(1);
  const check = await run(['stores', 'check', '--stores', broken]);
  expect(check).toMatchObject({ code: 5 });
});

test('stores list and stores check show the other stores where one entry cannot be used', async () => {
  const broken = join(folder, 'entries.json');
  const stores = {
    lost: { databaseUrlVariable: 'NOT_SET' },
    north: { databaseUrl: database.url, hosts: ['north.example.org'] },
    twin: { databaseUrl: database.url },
    guest: { databaseUrl: database.url, schema: 'guest', hosts: ['north.example.org'] },
  };
  await writeFile(broken, JSON.stringify({ stores }));
  const say = async (command: string): Promise<string> => {
    const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await runHere(['stores', command, '--stores', broken], {});
    const text = said.mock.calls.map(([line]) => line).join('');
    said.mockRestore();
    return text;
  };
  try {
    const trouble = 'lost".*databaseUrlVariable names a variable that is not set';
    expect(await say('list')).toMatch(new RegExp(`^north .*${database.name}[^]*${trouble}`, 'm'));
    expect(process.exitCode).toBe(5);
    expect(await say('check')).toMatch(new RegExp(`${trouble}[^]*^north: reachable`, 'm'));
    // A process refuses the file for each of these stores, too.
    const shared = 'stores north and twin have the same database and schema[^]*';
    const excluded = new RegExp(`${shared}stores north and guest have the same host north.example.org`);
    expect(await say('list')).toMatch(excluded);
    expect(await say('check')).toMatch(excluded);
    // What is wrong with an entry keeps no command from the other stores.
    await runHere(['lanes', '--store', 'north', '--stores', broken], {});
    await expect(runHere(['lanes', '--store', 'lost', '--stores', broken], {})).rejects.toThrow(
      'names a variable that is not set',
    );
    await expect(runHere(['stores', 'move', 'north', '--stores', broken], {})).rejects.toThrow(
      '--to, --to-file or --to-variable has to say where it goes',
    );
    const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await runHere(['lanes', '--all-stores', '--stores', broken], {});
    const text = said.mock.calls.map(([line]) => line).join('');
    said.mockRestore();
    expect(text).toMatch(/^4 stores: 1 exited with 0, lost with 2, twin with 2, guest with 2$/m);
  } finally {
    process.exitCode = undefined;
  }
});

async function readNotes(): Promise<Model> {
  const { readModel } = await import('sluice/model');
  return readModel([modelFile()]);
}
