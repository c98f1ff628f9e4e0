// Several writes of one row in one batch, by one spelling of its key or by two: each has the answer that it would have alone.

import type { Write } from 'sluice/internal/protocol';
import type { BatchReport } from 'sluice/internal/batch';
import { describe, expect, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { fates, isAny, useRowLeaders } from '../support/row-leaders.ts';
import { insertIntake, type RowBody, type RowWriteOptions } from '../support/row-write.ts';
import { openConnection } from '../support/sql.ts';

const database = useDatabase();
const named = [
  'tag',
  'coded',
  'worded',
  'labelled',
  'plain',
  'tagged',
  'made',
  'needed',
  'limited',
  'indexed',
  'long',
  'parted',
  'scaled',
  'seen',
];
const leaders = useRowLeaders(
  database,
  [...named.map((table) => ({ table })), { table: 'policed', rowSecurity: 'bypass' }],
  `
  create extension citext;
  create collation anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create domain label as text collate anycase;
  create table tag (
    name text collate anycase primary key, n integer, alias text collate anycase unique,
    above text collate anycase references tag);
  create table coded (code varchar(9) collate anycase, kind char(3) collate anycase, n integer, primary key (code, kind));
  create table worded (word citext primary key, n integer);
  create table labelled (name label collate "C" primary key, n integer);
  create table plain (name text collate "POSIX" primary key);
  create table tagged (
    id integer primary key, tag text collate anycase references tag, plain text collate "C" references plain);
  create table made (id integer primary key, n integer, share integer generated always as (100 / n) stored);
  create table needed (id integer primary key, n integer not null, note text not null default '');
  create table indexed (id integer primary key, n integer);
  create index indexed_share on indexed ((100 / n));
  create table long (id integer primary key, n text);
  create table limited (id integer primary key, n varchar(3000));
  create index on limited (id, n);
  create index long_n on long (n);
  create table policed (id integer primary key, n integer);
  alter table policed enable row level security;
  create policy is_above on policed using (true) with check (n > 0);
  create table parted (id integer primary key, n integer) partition by range (id);
  create table parted_1 partition of parted for values from (0) to (100);
  create table seen (id integer generated always as identity primary key, n integer);
  create function note_change() returns trigger language plpgsql as
    $$ begin insert into seen (n) values (new.n); return null; end $$;
  create trigger noted after insert or update on parted_1 for each row execute function note_change();
  create table scaled (id numeric primary key, n integer);
  grant usage on all sequences in schema public to public`,
);
const { make, lead, rows } = leaders;

describe.each([
  ['from the memory of a node', false],
  ['from the intake', true],
])('%s, rows whose keys are equal under a collation', (_, isIntake) => {
  /** Settles the writes, and in a second batch those that were deferred. */
  async function settle(writes: readonly Write[]): Promise<string[][]> {
    if (isIntake) await insertIntake(leaders.low, writes);
    const run = async (left: Write[]): Promise<BatchReport> =>
      isIntake ? lead(leaders.low, isAny) : leaders.settle(left);
    const first = await run([...writes]);
    const told = fates(writes, first);
    const left = writes.filter((_, place) => told[place] === 'deferred');
    const second = left.length === 0 ? first : await run(left);
    expect([...first.errors, ...second.errors]).toEqual([]);
    return [told, fates(left, second)];
  }

  test('of two inserts whose keys a collation finds equal, the second is answered that the row exists', async () => {
    const writes = [make('tag', 'insert', { name: 'Red' }), make('tag', 'insert', { name: 'red' })];
    expect(await settle(writes)).toEqual([['created', 'deferred'], ['row_exists']]);
    const worded = [make('worded', 'insert', { word: 'Red' }), make('worded', 'insert', { word: 'red' })];
    expect(await settle(worded)).toEqual([['created', 'deferred'], ['row_exists']]);
    const coded = [
      make('coded', 'insert', { code: 'Red', kind: 'a' }),
      make('coded', 'insert', { code: 'red', kind: 'A' }),
    ];
    expect(await settle(coded)).toEqual([['created', 'deferred'], ['row_exists']]);
    expect(await rows('select name from tag union all select code from coded')).toHaveLength(2);
  });

  test('updates of one row by two spellings of its key are both applied, and the second delete finds no row', async () => {
    await rows("insert into tag values ('red', 0); insert into coded values ('red', 'a', 0)");
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

  test('upserts by a unique rule whose values a collation finds equal are both applied', async () => {
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

describe.each([
  ['from the memory of a node', false],
  ['from the intake', true],
])('%s, several upserts of one row', (_, isIntake) => {
  async function settle(writes: readonly Write[]): Promise<string[]> {
    if (isIntake) await insertIntake(leaders.low, writes);
    const report = isIntake ? await lead(leaders.low, isAny) : await leaders.settle(writes);
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
    ['the greatest length of an index, in a column with a limit', 'limited', { n: long }],
  ];
  test.each(refused)('%s refuses one of several upserts of a row, and no other', async (_, table, wrong) => {
    const right = { n: 1 };
    const told = await settle(upserts(table, [wrong, right, right, wrong, right]));
    expect(told).toEqual(['row_invalid', 'created', 'updated', 'row_invalid', 'updated']);
    expect(await rows(`select n::text from ${table}`)).toEqual([{ n: '1' }]);
  });

  test('an upsert that leaves out a column that takes no null gets its default, and is one write with others', async () => {
    const query = vi.spyOn(leaders.low, 'query');
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

test('an array that ignores existing rows answers a row once that it names twice', async () => {
  const array = [
    { id: 1, n: 1 },
    { id: 1, n: 2 },
    { id: 2, n: 3 },
  ];
  const more = { ignoresExisting: true, isReturning: true };
  const { outcomes } = await leaders.settle([leaders.make('indexed', 'upsert', array, more)]);
  const texts = ['{"id":1,"n":1}', '{"id":2,"n":3}'];
  expect(outcomes).toMatchObject([{ outcome: { result: 'created', detail: { rowTexts: texts } } }]);
});

test('the search for the holder of a lock finds a row by the collation of its key', async () => {
  await rows("insert into tag values ('red', 0)");
  const writes = [
    make('tag', 'upsert', { name: 'RED', n: 1 }),
    make('labelled', 'upsert', { name: 'x', n: 1 }),
  ];
  await insertIntake(leaders.low, writes);
  const holder = await openConnection(database.url);
  await holder.query("begin; select from tag where name = 'red' for update");
  const report = await lead(leaders.low, isAny, { lockWaitMs: 50 });
  expect(fates(writes, report)).toEqual(['blocked', 'created']);
  const [{ held }] = (await rows('select count(locker)::int as held from sluice.awaited')) as [
    { held: number },
  ];
  expect(held).toBe(1);
});
