// Derived rows are never lost silently: processes agree on projections, and what fails in one costs the write that caused it.

import { defineProjection, type Projection } from 'sluice/internal/batch';
import { listProjections } from 'sluice/operator';
import type { Outcome } from 'sluice/internal/protocol';
import { agreeProjections, changeProjections, Database } from 'sluice/internal/store';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { execute } from '../support/postgres.ts';
import { fresh, startWorld, upsert, type World, type WorldOptions } from '../support/world.ts';

const note = (noteId: number, text = 'a') => upsert('notes', { noteId, text });

type Apply = Projection['apply'];

/** Copies each note into app.note. */
const copy: Apply = async ({ created, updated, deleted }, transaction) => {
  await transaction.query('delete from app.note where document_id = any($1::uuid[])', [
    deleted.map(({ documentId }) => documentId).sort(),
  ]);
  await transaction.query(
    `insert into app.note select document_id, body ->> 'text' from sluice.document where document_id = any($1::uuid[])
     order by document_id on conflict (document_id) do update set text = excluded.text`,
    [[...created, ...updated].map(({ documentId }) => documentId).sort()],
  );
};

const notes = (apply: Apply = copy, version = 1): Projection =>
  defineProjection({ name: 'notes', version, resources: ['test/notes'], apply });

const shared = useDatabase();

/** An empty table for the projection, and processes. */
async function setup(options: WorldOptions = {}): Promise<{ world: World; url: string; database: Database }> {
  const { url, writerUrl } = shared;
  await execute(
    url,
    `drop schema if exists app cascade; create schema app;
     create table app.note (document_id uuid primary key, text text);
     grant usage on schema app to public; grant all on app.note to public; delete from sluice.dead_letter`,
  );
  const database = new Database({ url: writerUrl, applicationName: 'test', connectionsMax: 2 });
  onTestFinished(() => database.close());
  const world = await startWorld(url, options);
  return { world, url, database };
}

const texts = async (world: World): Promise<unknown[]> =>
  (await world.sql('select text from app.note order by text')).map((row) => row['text']);

const state = async (database: Database): Promise<unknown> =>
  (await listProjections(database)).map(({ name, version, state }) => `${name}@${version} ${state}`);

const disagrees = {
  code: 'deployment_disagrees',
  message: expect.stringContaining('`sluice projections agree`') as string,
};

test('a process with other projections refuses to start, and says how to change them', async () => {
  const { world } = await setup({ nodes: 0, writer: { projections: [notes()] } });
  await expect(world.startWriter({ projections: [] })).rejects.toMatchObject({
    code: 'deployment_disagrees',
    message:
      'Cannot commit writes because this deployment has agreed on the projection notes@1 and this process has no ' +
      'projections: give every process the same projections. To change them, deploy the new ones and run ' +
      '`sluice projections agree` with them',
  });
  await expect(world.startWriter({ projections: [notes(copy, 2)] })).rejects.toMatchObject(disagrees);
  await expect(world.startNode({ mode: 'direct' })).rejects.toMatchObject(disagrees);
  await expect(world.startNode({ mode: 'local' })).rejects.toMatchObject(disagrees);
  await expect(world.startNode({ onOverload: 'bypass' })).rejects.toMatchObject(disagrees);
  await world.startNode();
});

test('two projections of one name, or one of an endpoint that the model does not have, are refused', async () => {
  const { world } = await setup({ nodes: 0, writers: 0 });
  const other = defineProjection({ name: 'other', resources: ['test/Notes'], apply: copy });
  await expect(world.startWriter({ projections: [notes(), notes()] })).rejects.toThrow(
    'the same name: notes',
  );
  await expect(world.startWriter({ projections: [other] })).rejects.toThrow(
    'no endpoint of this spelling: test/Notes',
  );
  await expect(world.startNode({ projections: [other] })).rejects.toThrow(
    'no endpoint of this spelling: test/Notes',
  );
});

test('a node without the projections never takes the fast path, and one with them does', async () => {
  const { world } = await setup({ nodes: 0, writer: { projections: [notes()] } });
  const isByLeader = async ({ writeId }: Outcome): Promise<boolean> => {
    const [row] = await world.sql('select term from sluice.outcome where write_id = $1', [writeId]);
    return row?.['term'] !== null;
  };
  const without = await world.startNode({ fastPathWritesMax: 64 });
  for (const text of ['a', 'b', 'c'])
    expect(await isByLeader(await without.submit(note(fresh(), text)))).toBe(true);
  const withThem = await world.startNode({ fastPathWritesMax: 64, projections: [notes()] });
  let written = 3;
  await eventually(async () => {
    written += 1;
    expect(await isByLeader(await withThem.submit(note(fresh(), 'd')))).toBe(false);
  });
  const all = await texts(world);
  expect(all).toHaveLength(written);
  expect(new Set(all)).toEqual(new Set(['a', 'b', 'c', 'd']));
});

test('a running process with other projections settles nothing after a change', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => lines.push(line) });
  const first = { projections: [notes()] };
  const { world, database } = await setup({ nodes: 0, writer: { ...first, logger } });
  const direct = await world.startNode({ ...first, mode: 'direct' });
  const node = await world.startNode();
  await direct.submit(note(fresh(), 'first'));
  const second = notes(async (changes, transaction) => {
    await copy(changes, transaction);
    await transaction.query(`update app.note set text = text || ' by 2' where text = 'second'`);
  }, 2);
  await changeProjections(database, [second]);
  expect(await state(database)).toEqual(['notes@2 needs_rebuild']);
  await expect(direct.submit(note(fresh(), 'refused'))).rejects.toMatchObject({
    code: 'deployment_disagrees',
    entry: { status: 503, retryable: true },
  });
  const waiting = node.submit(note(fresh(), 'second'));
  await eventually(() => expect(world.writers[0]!.status().lanes).toEqual([]));
  expect(await world.sql('select count(*)::integer as writes from sluice.intake')).toEqual([{ writes: 1 }]);
  await world.startWriter({ projections: [second] });
  expect((await waiting).result).toBe('created');
  expect(await texts(world)).toEqual(['first', 'second by 2']);
  const told = lines.filter((line) => line.includes('deployment_disagrees'));
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThanOrEqual(2);

  // Back again: the first writer goes on by itself.
  await world.writers[1]!.stop();
  await changeProjections(database, first.projections);
  expect(await state(database)).toEqual(['notes@1 needs_rebuild']);
  expect((await node.submit(note(fresh(), 'third'))).result).toBe('created');
});

test('a change waits for the batches that began before it', async () => {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let isApplied = false;
  const slow = notes(async (changes, transaction) => {
    await copy(changes, transaction);
    isApplied = true;
    await opened;
  });
  const { world, database, url } = await setup({ writer: { projections: [slow] } });
  const written = world.submit(note(fresh(), 'before'));
  await eventually(() => expect(isApplied).toBe(true));
  let isChanged = false;
  onTestFinished(() => changeProjections(database, [slow]));
  const changed = changeProjections(database, []).then(() => (isChanged = true));
  await eventually(async () =>
    expect(
      await execute(url, `select 1 from pg_locks where mode = 'AccessExclusiveLock' and not granted`),
    ).toHaveLength(1),
  );
  expect(isChanged).toBe(false);
  open();
  expect((await written).result).toBe('created');
  await changed;
  expect(await texts(world)).toEqual(['before']);
});

test.each([
  ['at once', '', '23514'],
  ['at the end of the transaction', 'deferrable initially deferred', '23505'],
])(
  'only the write that breaks a constraint, checked %s, becomes a dead letter',
  async (_, deferred, code) => {
    const { world, url } = await setup({ writer: { projections: [notes()] } });
    await execute(
      url,
      deferred === ''
        ? `alter table app.note add constraint text_is_short check (length(text) < 5)`
        : `alter table app.note add constraint text_is_short unique (text) ${deferred}`,
    );
    if (deferred !== '') await world.submit(note(fresh(), 'too long'));
    const outcomes = await Promise.all(
      ['a', 'b', 'too long', 'c'].map((text) => world.submit(note(fresh(), text))),
    );
    expect(outcomes.map(resultOf)).toEqual(['created', 'created', 'dead_letter', 'created']);
    expect(await world.sql('select error from sluice.dead_letter')).toEqual([
      { error: { code, constraint: 'text_is_short', table: 'note' } },
    ]);
  },
);

test('a projection that ignores its failed statement, or goes on after its end, fails only its own write', async () => {
  const late: Promise<unknown>[] = [];
  const careless = notes(async (changes, transaction) => {
    await copy(changes, transaction);
    const [row] = await transaction.query(
      `select count(*) filter (where text = 'swallow')::integer as swallow from app.note
       where document_id = any($1::uuid[])`,
      [[...changes.created, ...changes.updated].map(({ documentId }) => documentId)],
    );
    if (row?.['swallow'] === 0) return;
    void transaction.query('select 1 / 0');
    setTimeout(() => late.push(transaction.query('select 1').catch((error: unknown) => error)), 20);
  });
  const { world } = await setup({ writer: { projections: [careless] } });
  const outcomes = await Promise.all(['a', 'swallow', 'b'].map((text) => world.submit(note(fresh(), text))));
  expect(outcomes.map(resultOf)).toEqual(['created', 'dead_letter', 'created']);
  expect(await world.sql('select error ->> $1 as code from sluice.dead_letter', ['code'])).toEqual([
    { code: '22012' },
  ]);
  await eventually(() => expect(late.length).toBeGreaterThan(0));
  expect(await late[0]).toMatchObject({ message: expect.stringContaining('its work has ended') as string });
});

test('a refusal is recognized by its code, whatever class the error has', async () => {
  const strict = notes(() =>
    Promise.reject(Object.assign(new Error('full'), { code: 'projection_refused' })),
  );
  const { world } = await setup({ writer: { projections: [strict] } });
  expect(await world.submit(note(fresh()))).toMatchObject({ result: 'refused', code: 'projection_refused' });
});

test('a writer whose connection ends while a projection waits for something else leads on', async () => {
  let waits = true;
  const pids: number[] = [];
  const stuck = notes(async (changes, transaction) => {
    await copy(changes, transaction);
    if (!waits) return;
    const [row] = await transaction.query('select pg_backend_pid() as pid');
    pids.push(row?.['pid'] as number);
    await new Promise(() => undefined);
  });
  const { world, url } = await setup({ writer: { projections: [stuck] } });
  const written = world.submit(note(fresh(), 'a'));
  await eventually(() => expect(pids).toHaveLength(1));
  waits = false;
  await execute(url, `select pg_terminate_backend(${pids[0]}, 5000)`);
  expect((await written).result).toBe('created');
});

test.each([
  ['a writer', {}],
  ['the fast path', { fastPathWritesMax: 64 }],
  ['direct mode', { mode: 'direct' as const }],
])("statements of a projection are planned under the server's settings: %s", async (_, client) => {
  const seen: unknown[] = [];
  const watching = notes(async (changes, transaction) => {
    const [row] = await transaction.query(
      `select current_setting('enable_seqscan') || current_setting('enable_hashjoin') ||
              current_setting('enable_mergejoin') || current_setting('jit') || current_setting('plan_cache_mode') as is`,
    );
    seen.push(row?.['is']);
    // One of ours behind it, and then theirs again.
    await transaction.run('listProjections');
    await copy(changes, transaction);
    const [again] = await transaction.query(`select current_setting('enable_seqscan') as is`);
    seen.push(again?.['is']);
  });
  const made = { projections: [watching] };
  const { world, url } = await setup({ nodes: 0, writers: 0 });
  await execute(
    url,
    `do $$ begin execute format('alter database %I set enable_mergejoin = off', current_database());
     execute format('alter database %I set jit = on', current_database()); end $$`,
  );
  if (!('mode' in client)) await world.startWriter(made);
  const node = await world.startNode({ ...client, ...made });
  for (let count = 0; count < 2; count++) await node.submit(note(fresh()));
  expect(seen).toEqual(Array.from({ length: 2 }, () => ['ononoffonauto', 'on']).flat());
});

function resultOf({ result, code }: Outcome): string {
  return code ?? result;
}

test('processes that start at the same time agree on projections without a deadlock', async () => {
  const { url, database } = await setup({ nodes: 0, writers: 0 });
  const own = [{ name: 'notes', resources: ['test/notes'] }];
  const databases = Array.from({ length: 8 }, () => {
    const each = new Database({ url: database.options.url, applicationName: 'test', connectionsMax: 1 });
    onTestFinished(() => each.close());
    return each;
  });
  await Promise.all(databases.map((each) => each.run('readSettings')));
  for (let round = 1; round <= 5; round++) {
    await execute(url, `delete from sluice.setting where name = 'projections'`);
    await expect(Promise.all(databases.map((each) => agreeProjections(each, own)))).resolves.toBeDefined();
  }
});
