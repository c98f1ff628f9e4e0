// Rows that two leaders write at the same time, and rows with equal keys in one batch: each write has the answer that
// it would have alone.

import pg from 'pg';
import {
  intakeOrigin,
  memoryOrigin,
  settleBatch,
  settleOptions,
  tableTargets,
  type BatchReport,
  type SettleOptions,
} from 'sluice/internal/batch';
import type { Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { readTargets, type TableCatalog, type TableDefinition } from 'sluice/internal/targets';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model } from '../support/model.ts';
import { insertIntake, rowWrite, type RowBody, type RowWriteOptions } from '../support/row-write.ts';
import { openConnection } from '../support/sql.ts';

const database = useDatabase();
const definitions: TableDefinition[] = [
  { table: 'parent' },
  { table: 'child' },
  { table: 'tag' },
  { table: 'coded' },
  { table: 'labelled' },
  { table: 'plain' },
  { table: 'tagged' },
  { table: 'made' },
  { table: 'needed' },
  { table: 'indexed' },
  { table: 'long' },
  { table: 'policed', rowSecurity: 'bypass' },
  { table: 'parted' },
  { table: 'scaled' },
  { table: 'item' },
  { table: 'line' },
  { table: 'ticket' },
];
/** The session of the leader of the low lanes, and that of the leader of the high lanes. */
let low: Session;
let high: Session;
let other: pg.Client;
let tables: Map<string, TableCatalog>;

beforeAll(async () => {
  low = await Session.open({ url: database.writerUrl, applicationName: 'low lanes' });
  high = await Session.open({ url: database.writerUrl, applicationName: 'high lanes' });
  other = new pg.Client(database.url);
  await other.connect();
  await other.query(`
    create table parent (id integer primary key);
    create table child (id integer primary key, one integer references parent, two integer references parent);
    create collation anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    create domain label as text collate anycase;
    create table tag (
      name text collate anycase primary key, n integer, alias text collate anycase unique,
      above text collate anycase references tag);
    create table coded (code varchar(9) collate anycase, kind char(3) collate anycase, n integer, primary key (code, kind));
    create table labelled (name label collate "C" primary key, n integer);
    create table plain (name text collate "POSIX" primary key);
    create table tagged (
      id integer primary key, tag text collate anycase references tag, plain text collate "C" references plain);
    create table made (id integer primary key, n integer, share integer generated always as (100 / n) stored);
    create table needed (id integer primary key, n integer not null, note text not null default '');
    create table indexed (id integer primary key, n integer);
    create index indexed_share on indexed ((100 / n));
    create table long (id integer primary key, n text);
    create index long_n on long (n);
    create table policed (id integer primary key, n integer);
    alter table policed enable row level security;
    create policy is_above on policed using (true) with check (n > 0);
    create table parted (id integer primary key, n integer) partition by range (id);
    create table parted_1 partition of parted for values from (0) to (100);
    create table seen (n integer);
    create function note_change() returns trigger language plpgsql as
      $$ begin insert into seen values (new.n); return null; end $$;
    create trigger noted after insert or update on parted_1 for each row execute function note_change();
    create table scaled (id numeric primary key, n integer);
    create table item (tenant integer default 1, id integer, primary key (tenant, id));
    create table line (
      tenant integer default 1, id integer, item integer, n integer,
      primary key (tenant, id), foreign key (tenant, item) references item);
    create table ticket (
      id integer primary key, n integer, tenant integer default 1, item integer default 7,
      foreign key (tenant, item) references item);
    grant select, insert, update, delete on all tables in schema public to ${new URL(database.writerUrl).username};
    insert into sluice.lane (lane) select generate_series(0, 15);`);
  tables = new Map((await readTargets(low, definitions)).tables.map((table) => [table.table, table]));
});

afterAll(async () => {
  await Promise.all([low.close(), high.close(), other.end()]);
});

beforeEach(async () => {
  await other.query(
    `truncate sluice.intake, sluice.awaited, sluice.dead_letter, seen, ${[...tables.keys()].join()}`,
  );
});

const optionsOf = (): SettleOptions => ({
  ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
  targets: tableTargets(definitions),
});
const isLow = (lane: number): boolean => lane < 8;
const isHigh = (lane: number): boolean => lane >= 8;

const make = (
  table: string,
  operation: Write['operation'],
  body: RowBody | readonly RowBody[] | string,
  more: RowWriteOptions = {},
): Write => rowWrite(tables.get(table)!, operation, body, { tables: [...tables.values()], ...more });

async function lead(
  session: Session,
  isLed: (lane: number) => boolean,
  more: Partial<SettleOptions> = {},
): Promise<BatchReport> {
  const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  const led = rows.filter(({ lane }) => isLed(lane));
  const terms = new Map(led.map(({ lane, term }) => [lane, Number(term)]));
  return settleBatch(session, intakeOrigin(terms, 100), { ...optionsOf(), ...more });
}

function fates(writes: readonly Write[], report: BatchReport): string[] {
  const known = new Map([
    ...report.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? outcome.result] as const),
    ...report.deferred.map(({ writeId }) => [writeId, 'deferred'] as const),
    ...report.blocked.map(({ write }) => [write.writeId, 'blocked'] as const),
  ]);
  return writes.map(({ writeId }) => known.get(writeId) ?? 'nothing');
}

const rows = async (text: string): Promise<unknown[]> =>
  (await other.query<Record<string, unknown>>(text)).rows;

describe('a child whose parent another leader commits during its batch', () => {
  /** The first parents whose lanes the other leader leads. */
  function parents(count: number): { id: number; write: Write }[] {
    const made = Array.from({ length: 100 }, (_, id) => ({ id, write: make('parent', 'insert', { id }) }));
    return made.filter(({ write }) => isHigh(write.lane)).slice(0, count);
  }

  /** A child in a lane of the leader of the low lanes. */
  function inLow(make: (id: number) => Write): Write {
    return Array.from({ length: 100 }, (_, id) => make(id + 1)).find(({ lane }) => isLow(lane))!;
  }

  /** Runs an action just before the nth look of this leader at the intake. */
  function beforeLook(session: Session, action: (look: number) => Promise<unknown>): () => number {
    const run = session.run.bind(session);
    let looks = 0;
    const spy = vi.spyOn(session, 'run').mockImplementation(async (name, values) => {
      if (name === 'readAliases') await action(++looks);
      return run(name, values);
    });
    onTestFinished(() => spy.mockRestore());
    return () => looks;
  }

  const forms: [string, (id: number, one: number) => Write][] = [
    ['an insert', (id, one) => make('child', 'insert', { id, one })],
    ['an upsert', (id, one) => make('child', 'upsert', { id, one })],
    ['an array of inserts', (id, one) => make('child', 'insert', [{ id }, { id: id + 500, one }])],
    ['an array of upserts', (id, one) => make('child', 'upsert', [{ id }, { id: id + 500, one }])],
    [
      'an array that ignores existing rows',
      (id, one) => make('child', 'upsert', [{ id, one }], { ignoresExisting: true }),
    ],
  ];
  test.each(forms)(
    '%s of a child is applied if its parent is committed during its batch',
    async (_, form) => {
      const [parent] = parents(1);
      const child = inLow((id) => form(id, parent!.id));
      await insertIntake(low, [parent!.write, child]);
      beforeLook(low, async (look) => (look === 1 ? lead(high, isHigh) : null));
      const report = await lead(low, isLow);
      expect([fates([child], report), report.errors]).toEqual([['created'], []]);
      expect(await rows('select one from child where one is not null')).toEqual([{ one: parent!.id }]);
    },
  );

  test('an update is applied if its parent is committed during its batch', async () => {
    const [parent] = parents(1);
    const child = inLow((id) => make('child', 'update', { id, one: parent!.id }));
    const { id } = JSON.parse(child.body!) as { id: number };
    await other.query('insert into child values ($1)', [id]);
    await insertIntake(low, [parent!.write, child]);
    beforeLook(low, async (look) => (look === 1 ? lead(high, isHigh) : null));
    expect(fates([child], await lead(low, isLow))).toEqual(['updated']);
  });

  test('a child waits for its second parent after the first was committed during its batch', async () => {
    const [first, second] = parents(2);
    const child = inLow((id) => make('child', 'insert', { id, one: first!.id, two: second!.id }));
    await insertIntake(low, [first!.write, second!.write, child]);
    await other.query('update sluice.intake set blocked_at = now(), was_blocked = true where write_id = $1', [
      second!.write.writeId,
    ]);
    beforeLook(low, async (look) => (look === 1 ? lead(high, isHigh) : null));
    expect(fates([child], await lead(low, isLow))).toEqual(['blocked']);
    expect(await rows('select awaited_id from sluice.awaited')).toEqual([
      { awaited_id: second!.write.referentialId },
    ]);
  });

  test('a child without a parent is refused after one more statement, and its neighbours after none', async () => {
    const neighbours = [1, 2].map((id) => make('child', 'insert', { id: 900 + id }));
    const orphans = [1, 2].map((id) => make('child', 'insert', { id, one: 777 }));
    const countOf = async (writes: Write[]): Promise<[number, string[]]> => {
      const query = vi.spyOn(low, 'query');
      const report = await settleBatch(low, memoryOrigin(writes), optionsOf());
      const count = query.mock.calls.length;
      query.mockRestore();
      return [count, fates(writes, report)];
    };
    expect(await countOf(neighbours)).toEqual([1, ['created', 'created']]);
    expect(await countOf(orphans)).toEqual([2, ['unresolved_reference', 'unresolved_reference']]);
  });
});

describe.each([
  ['from the memory of a node', false],
  ['from the intake', true],
])('%s, rows whose keys are equal under a collation', (_, isIntake) => {
  /** Settles the writes, and in a second batch those that were deferred. */
  async function settle(writes: readonly Write[]): Promise<string[][]> {
    if (isIntake) await insertIntake(low, writes);
    const run = async (left: Write[]): Promise<BatchReport> =>
      isIntake ? lead(low, () => true) : settleBatch(low, memoryOrigin(left), optionsOf());
    const first = await run([...writes]);
    const told = fates(writes, first);
    const left = writes.filter((_, place) => told[place] === 'deferred');
    const second = left.length === 0 ? first : await run(left);
    expect([...first.errors, ...second.errors]).toEqual([]);
    return [told, fates(left, second)];
  }

  test('rows with equal keys are inserted once, and the second is answered that it exists', async () => {
    const writes = [make('tag', 'insert', { name: 'Red' }), make('tag', 'insert', { name: 'red' })];
    expect(await settle(writes)).toEqual([['created', 'deferred'], ['row_exists']]);
    const coded = [
      make('coded', 'insert', { code: 'Red', kind: 'a' }),
      make('coded', 'insert', { code: 'red', kind: 'A' }),
    ];
    expect(await settle(coded)).toEqual([['created', 'deferred'], ['row_exists']]);
    expect(await rows('select name from tag union all select code from coded')).toHaveLength(2);
  });

  test('updates of one row by two spellings of its key are both applied, and the second delete finds no row', async () => {
    await other.query("insert into tag values ('red', 0); insert into coded values ('red', 'a', 0)");
    const updates = ['Red', 'RED'].map((name, n) => make('tag', 'update', { name, n: n + 1 }));
    expect(await settle(updates)).toEqual([['updated', 'deferred'], ['updated']]);
    expect(await rows('select name, n from tag')).toEqual([{ name: 'red', n: 2 }]);
    const deletes = ['Red', 'RED'].map((code) => make('coded', 'delete', { code, kind: 'A' }));
    expect(await settle(deletes)).toEqual([['deleted', 'deferred'], ['row_not_found']]);
  });

  test('upserts of one row by two spellings of its key are both applied, and ignoring ones create it once', async () => {
    const merging = ['Red', 'RED'].map((name, n) => make('tag', 'upsert', { name, n }));
    expect(await settle(merging)).toEqual([['created', 'deferred'], ['updated']]);
    expect(await rows('select name, n from tag')).toEqual([{ name: 'Red', n: 1 }]);
    const ignoring = ['Blue', 'blue'].map((name, n) =>
      make('tag', 'upsert', { name, n }, { ignoresExisting: true }),
    );
    expect(await settle(ignoring)).toEqual([['created', 'deferred'], ['unchanged']]);
    expect(await rows("select name from tag where name = 'blue'")).toEqual([{ name: 'Blue' }]);
  });

  test('upserts by a unique rule of such a column are both applied', async () => {
    const form: RowWriteOptions = { onConflict: ['alias'] };
    const writes = ['X', 'x'].map((alias, n) => make('tag', 'upsert', { name: `t${n}`, alias, n }, form));
    expect(await settle(writes)).toEqual([['created', 'deferred'], ['updated']]);
    expect(await rows('select n from tag')).toEqual([{ n: 1 }]);
  });

  test('an array with two spellings of one key is refused as one with equal keys is', async () => {
    const twice = [{ name: 'Red' }, { name: 'red' }];
    expect(await settle([make('tag', 'upsert', twice)])).toEqual([['row_invalid'], []]);
    const ignoring = make('tag', 'upsert', twice, { ignoresExisting: true });
    expect(await settle([ignoring])).toEqual([['created'], []]);
    expect(await rows('select name from tag')).toEqual([{ name: 'Red' }]);
  });

  test('a child finds its parent by the collation of the parent, in its own table and in one of another collation', async () => {
    const writes = [
      make('tag', 'insert', { name: 'Red', above: 'RED' }),
      make('plain', 'insert', { name: 'a' }),
      make('tagged', 'insert', { id: 1, tag: 'red', plain: 'a' }),
      make('labelled', 'insert', { name: 'Red' }),
      make('labelled', 'insert', { name: 'red' }),
    ];
    expect(await settle(writes)).toEqual([['created', 'created', 'created', 'created', 'created'], []]);
    expect(await rows('select tag from tagged')).toEqual([{ tag: 'red' }]);
    const changes = [
      make('tagged', 'update', { id: 1, tag: 'RED' }),
      make('tagged', 'upsert', { id: 2, tag: 'reD', plain: 'a' }),
      make('tagged', 'upsert', { id: 3, tag: 'red', plain: 'A' }),
    ];
    expect(await settle(changes)).toEqual([['updated', 'created', 'unresolved_reference'], []]);
  });
});

describe('a row that leaves a part of its foreign key to its key or to a default', () => {
  const writes: [string, () => Write][] = [
    ['an update that changes a part of it', () => make('line', 'update', { tenant: 1, id: 1, item: 7 })],
    ['an insert that leaves out one column', () => make('ticket', 'insert', { id: 1, item: 7 })],
    ['an insert that leaves out all', () => make('ticket', 'insert', { id: 1 })],
    [
      'an upsert that ignores existing rows',
      () => make('ticket', 'upsert', { id: 1 }, { ignoresExisting: true }),
    ],
    [
      'an array of which a row leaves it out',
      () => make('ticket', 'insert', [{ id: 1 }, { id: 2, tenant: 1, item: 7 }]),
    ],
  ];
  test.each(writes)('%s waits for its parent in the intake, and is refused without one', async (_, write) => {
    await other.query('insert into line values (1, 1)');
    const [refused, waiting] = [write(), write()];
    const alone = await settleBatch(low, memoryOrigin([refused]), optionsOf());
    expect(fates([refused], alone)).toEqual(['unresolved_reference']);
    await insertIntake(low, [make('item', 'insert', { tenant: 1, id: 7 })]);
    const report = await settleBatch(low, memoryOrigin([waiting]), optionsOf());
    expect(fates([waiting], report)).toEqual(['blocked']);
    await lead(low, () => true);
    const after = await settleBatch(low, memoryOrigin([waiting]), optionsOf());
    expect(fates([waiting], after)).toEqual([waiting.operation === 'update' ? 'updated' : 'created']);
  });

  test('an upsert of an existing row needs no parent for a default that it does not set', async () => {
    await other.query('insert into ticket values (1, 0, null, null)');
    const write = make('ticket', 'upsert', { id: 1, n: 5 });
    expect(fates([write], await settleBatch(low, memoryOrigin([write]), optionsOf()))).toEqual(['updated']);
  });
});

describe.each([
  ['from the memory of a node', false],
  ['from the intake', true],
])('%s, several upserts of one row', (_, isIntake) => {
  async function settle(writes: readonly Write[]): Promise<string[]> {
    if (isIntake) await insertIntake(low, writes);
    const report = isIntake
      ? await lead(low, () => true)
      : await settleBatch(low, memoryOrigin(writes), optionsOf());
    return fates(writes, report);
  }
  const upserts = (table: string, bodies: RowBody[]): Write[] =>
    bodies.map((body) => make(table, 'upsert', { id: 1, ...body }));

  // Bytes that PostgreSQL does not compress much.
  const long = Array.from({ length: 3000 }, (_, n) =>
    String.fromCodePoint(33 + ((n * n * 31 + (n >> 3)) % 1000)),
  ).join('');
  const refused: [string, string, RowBody][] = [
    ['a generated column', 'made', { n: 0 }],
    ['a column that takes no null', 'needed', { n: null }],
    ['an expression of an index', 'indexed', { n: 0 }],
    ['the greatest length of an index', 'long', { n: long }],
  ];
  test.each(refused)('%s refuses one of several upserts of a row, and no other', async (_, table, wrong) => {
    const right = { n: 1 };
    const told = await settle(upserts(table, [wrong, right, right, wrong, right]));
    expect(told).toEqual(['row_invalid', 'created', 'updated', 'row_invalid', 'updated']);
    expect(await rows(`select n::text from ${table}`)).toEqual([{ n: '1' }]);
  });

  test('an upsert that leaves out a column that takes no null gets its default, and is one write with others', async () => {
    const query = vi.spyOn(low, 'query');
    expect(await settle(upserts('needed', [{ n: 1 }, { n: 2 }, { n: 3 }]))).toEqual([
      'created',
      'updated',
      'updated',
    ]);
    expect(query.mock.calls).toHaveLength(1);
    query.mockRestore();
    expect(await rows('select n, note from needed')).toEqual([{ n: 3, note: '' }]);
  });

  test('a policy refuses one of several upserts of a row, and no other', async () => {
    const told = await settle(upserts('policed', [{ n: 0 }, { n: 1 }]));
    expect(told[1]).toBe('created');
    expect(told[0]).not.toBe('updated');
    expect(await rows('select n from policed')).toEqual([{ n: 1 }]);
  });

  test('a trigger of a partition sees each of several upserts of a row', async () => {
    await settle(upserts('parted', [{ n: 1 }, { n: 2 }, { n: 3 }]));
    expect(await rows('select n from seen order by n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test('the key of a row keeps the spelling of its first upsert', async () => {
    const writes = ['1.0', '1.00'].map((id, n) => make('scaled', 'upsert', `{"id":${id},"n":${n}}`));
    expect(await settle(writes)).toEqual(['created', 'updated']);
    expect(await rows('select id, n from scaled')).toEqual([{ id: '1.0', n: 1 }]);
  });
});

test('the search for the holder of a lock finds a row by the collation of its key', async () => {
  await other.query("insert into tag values ('red', 0)");
  const writes = [
    make('tag', 'upsert', { name: 'RED', n: 1 }),
    make('labelled', 'upsert', { name: 'x', n: 1 }),
  ];
  await insertIntake(low, writes);
  const holder = await openConnection(database.url);
  await holder.query("begin; select from tag where name = 'red' for update");
  const report = await lead(low, () => true, { lockWaitMs: 50 });
  expect(fates(writes, report)).toEqual(['blocked', 'created']);
  const [{ held }] = (await rows('select count(locker)::int as held from sluice.awaited')) as [
    { held: number },
  ];
  expect(held).toBe(1);
});
