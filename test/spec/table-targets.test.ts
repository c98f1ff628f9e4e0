// Rows of the user's tables through the real coordinator, from the intake and from the memory of a node.

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { model, resource } from '../support/model.ts';
import {
  fingerprintOf,
  intakeOrigin,
  lockedOrigin,
  makeDeadLetter,
  memoryOrigin,
  notApplied,
  settleBatch,
  settleOptions,
  settleUnapplied,
  tableTargets,
  TargetError,
  togetherOrigin,
  type BatchReport,
  type SettleOptions,
} from 'sluice/internal/batch';
import { parseExact, type Outcome, type Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { readTargets, type TableCatalog, type TableDefinition } from 'sluice/internal/targets';
import { describeDocument, laneOf } from 'sluice/model';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { explainGeneric } from '../support/explain.ts';
import { insertIntake, rowWrite, type RowBody, type RowWriteOptions } from '../support/row-write.ts';
import { openConnection, sql } from '../support/sql.ts';
import { fresh, friend } from '../support/world.ts';
import { eventually } from '../support/eventually.ts';

const database = useDatabase();
let session: Session;
let other: pg.Client;
let options: SettleOptions;
let tables: Map<string, TableCatalog>;

const definitions: TableDefinition[] = [
  { table: 'item' },
  { table: 'orders' },
  { table: 'customer' },
  { table: 'counter' },
  { table: 'kinds' },
  { table: 'node' },
  { table: 'Odd.Order Item' },
  { table: 'ticket' },
  { table: 'parted' },
  { table: 'guarded' },
  { table: 'slot' },
  { table: 'logged' },
  { table: 'late' },
  { table: 'measured' },
  { table: 'guest' },
  { table: 'loose' },
  { table: 'searched' },
];

beforeAll(async () => {
  session = await Session.open({
    url: database.writerUrl,
    applicationName: 'table targets',
    settings: { lock_timeout: '100ms' },
  });
  other = new pg.Client(database.url);
  await other.connect();
  const role = new URL(database.writerUrl).username;
  await other.query(
    `
    create schema "Odd";
    create type mood as enum ('sad', 'ok', 'happy');
    create type pair as (a integer, b text);
    create domain small as integer check (value < 100);
    create table customer (id bigint primary key, email text unique, name text not null default 'nobody',
      friend bigint constraint friend_exists references customer deferrable initially deferred);
    create table orders (
      id integer primary key, customer bigint references customer, total numeric(10, 2) not null default 0,
      note varchar(5), constraint total_is_positive check (total >= 0));
    create table item (
      order_id integer references orders, line integer, amount integer default 1, primary key (order_id, line));
    create table counter (id text primary key, n integer, m integer default 7);
    create table kinds (
      id bigint primary key, i8 bigint, n numeric(30, 4), ts timestamptz, b bytea, a integer[], e mood, d small, j jsonb,
      c pair, u uuid, f double precision, iv interval, doubled integer generated always as (d * 2) stored, t text[]);
    create table node (id integer primary key, parent integer references node);
    create table "Odd"."Order Item" ("The Key" text, "select" integer, "a""b" text, primary key ("The Key", "select"));
    create table ticket (id bigint generated always as identity primary key, code text unique, title text, at timestamptz default now());
    create table parted (id integer, day integer, note text, primary key (id, day)) partition by range (day);
    create table parted_1 partition of parted for values from (0) to (100);
    create table parted_2 partition of parted for values from (100) to (200);
    create table guarded (id integer primary key, note text);
    create function guard() returns trigger language plpgsql as $$ begin
      if new.note = 'bad' then raise exception 'a secret'; end if;
      if new.note = 'broken' then raise exception 'a secret' using errcode = '55000'; end if;
      if new.note = 'skip' then return null; end if;
      if new.note = 'moved' then new.id := new.id + 1000; end if;
      return new; end $$;
    create trigger guard before insert or update on guarded for each row execute function guard();
    create table slot (id integer primary key, span int4range, exclude using gist (span with &&));
    create table logged (id integer primary key, n integer);
    create table log (id integer, n integer check (n < 1000));
    create function note_change() returns trigger language plpgsql as $$ begin
      insert into log values (new.id, new.n); return null; end $$;
    create trigger noted after insert or update on logged for each row execute function note_change();
    create table late (
      id integer primary key, box integer unique deferrable initially deferred,
      owner integer references customer deferrable initially deferred);
    create function look_at_end() returns trigger language plpgsql as $$ begin
      if new.box = 99 then raise exception 'a secret'; end if;
      if new.box = 98 then perform dropped_since(); end if; return null; end $$;
    create constraint trigger look_at_end after insert on late deferrable initially deferred
      for each row execute function look_at_end();
    create table house (id integer primary key);
    create table guest (id integer primary key, house integer constraint of_house references house);
    create table loose (
      id integer generated always as identity primary key, a integer, b integer, n integer check (n >= 0), unique (a), unique (b, n),
      owner integer references customer);
    create table measured (id timestamptz primary key, v integer);
    create table searched (id integer primary key, words tsvector, query tsquery, path jsonpath, class regclass);
    grant usage on schema "Odd" to ${role};
    grant select, insert, update, delete on all tables in schema public, "Odd" to ${role};
    grant usage on all sequences in schema public to ${role};
    insert into sluice.lane (lane) select generate_series(0, 15);
  `,
  );
  const targets = await readTargets(session, definitions);
  tables = new Map(targets.tables.map((table) => [table.name, table]));
  options = {
    ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
    targets: tableTargets(definitions),
  };
});

afterAll(async () => {
  await session.close();
  await other.end();
});

beforeEach(async () => {
  await other.query(`truncate sluice.intake, sluice.awaited, sluice.dead_letter, customer, orders, item, counter, kinds, node,
    "Odd"."Order Item", ticket, parted, guarded, slot, logged, log, late, measured, guest, loose, searched restart identity`);
});

const make = (
  table: string,
  operation: Write['operation'],
  body: RowBody | readonly RowBody[] | string,
  more: RowWriteOptions = {},
): Write =>
  rowWrite(tables.get(table) ?? tables.get(`public.${table}`)!, operation, body, {
    tables: [...tables.values()],
    ...more,
  });

const rows = async (text: string): Promise<unknown[]> =>
  (await other.query<Record<string, unknown>>(text)).rows;

/** Leads all lanes, as a writer does. */
async function settleIntake(more: Partial<SettleOptions> = {}): Promise<BatchReport> {
  const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  const terms = new Map(rows.map(({ lane, term }) => [lane, Number(term)]));
  return settleBatch(session, intakeOrigin(terms, 100), { ...options, ...more });
}

function fates(writes: readonly Write[], report: BatchReport): string[] {
  const known = new Map([
    ...report.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? outcome.result] as const),
    ...report.deferred.map(({ writeId }) => [writeId, 'deferred'] as const),
    ...report.blocked.map(({ write }) => [write.writeId, 'blocked'] as const),
    ...report.failed.map(({ write }) => [write.writeId, 'failed'] as const),
  ]);
  return writes.map(({ writeId }) => known.get(writeId) ?? 'nothing');
}

const origins: [title: string, isIntake: boolean][] = [
  ['from the memory of a node', false],
  ['from the intake', true],
];

test('blocked rows come after an earlier write of their key that is ready again', async () => {
  const writes = [1, 2, 3].map((n) => make('counter', 'upsert', { id: 'again', n }));
  const [first, ready, last] = writes.map(({ writeId }) => writeId);
  await insertIntake(session, writes);
  await other.query(
    `update sluice.intake set was_blocked = true, blocked_at = case when write_id <> $1 then clock_timestamp() end`,
    [ready],
  );
  const lanes = writes.map(({ lane }) => lane).slice(0, 1);
  const origin = togetherOrigin(lanes, [first!, last!]);
  const report = await settleBatch(session, origin, { ...options, withBlocked: true });
  expect(fates(writes, report)).toEqual(['created', 'nothing', 'blocked']);
  expect(report.blocked).toMatchObject([{ write: { writeId: last }, awaits: [ready] }]);
});

describe.each(origins)('rows, %s,', (_title, isIntake) => {
  const settle = async (
    writes: readonly Write[],
    more: Partial<SettleOptions> = {},
  ): Promise<{ report: BatchReport; fates: string[]; outcomes: Outcome[] }> => {
    if (isIntake) await insertIntake(session, writes);
    const report = isIntake
      ? await settleIntake(more)
      : await settleBatch(session, memoryOrigin(writes), { ...options, ...more });
    const outcomes = new Map(report.outcomes.map(({ outcome }) => [outcome.writeId, outcome]));
    return {
      report,
      fates: fates(writes, report),
      outcomes: writes.map(({ writeId }) => outcomes.get(writeId)!),
    };
  };

  test('rows are inserted, upserted, updated and deleted, several of one row in order, in one transaction', async () => {
    const writes = [
      make('counter', 'insert', { id: 'a', n: 1 }),
      make('counter', 'upsert', { id: 'b', n: 1, m: null }),
      make('counter', 'update', { id: 'a', n: 2 }),
      make('counter', 'update', { id: 'nobody', n: 2 }),
      make('counter', 'insert', { id: 'a', n: 3 }),
      make('counter', 'upsert', { id: 'b', n: 5 }),
      make('counter', 'delete', { id: 'b' }),
      make('counter', 'delete', { id: 'b' }),
      make('counter', 'insert', { id: 'b' }),
    ];
    const { report, fates } = await settle(writes);
    expect(fates).toEqual([
      'created',
      'created',
      'updated',
      'row_not_found',
      'row_exists',
      'updated',
      'deleted',
      'row_not_found',
      'created',
    ]);
    expect(report).toMatchObject({ transactions: 1, errors: [] });
    expect(await rows('select * from counter order by id')).toEqual([
      { id: 'a', n: 2, m: 7 },
      { id: 'b', n: null, m: 7 },
    ]);
    expect(await rows('select * from sluice.intake')).toEqual([]);
  });

  test('an array that ignores existing rows needs only the parents of new ones', async () => {
    const ignore = (...given: Record<string, number>[]): Write =>
      make('orders', 'upsert', given, { ignoresExisting: true });
    const customer = 901;
    await settle([
      make('customer', 'insert', { id: customer }),
      make('orders', 'insert', { id: 91, customer }),
    ]);
    const { fates } = await settle([
      ignore({ id: 91, customer: 999 }),
      ignore({ id: 91, customer: 999 }, { id: 92, customer }),
      ignore({ id: 93, customer }, { id: 93, customer: 999 }),
      ignore({ id: 91, customer }, { id: 94, customer: 999 }),
    ]);
    expect(fates).toEqual(['unchanged', 'created', 'created', 'unresolved_reference']);
    expect(await rows('select id, customer from orders where id between 91 and 94 order by id')).toEqual([
      { id: 91, customer: String(customer) },
      { id: 92, customer: String(customer) },
      { id: 93, customer: String(customer) },
    ]);
  });

  test('statements for rows join by an index, and never compare all pairs', async () => {
    await settle([
      make('ticket', 'insert', { code: 'a' }),
      make('ticket', 'insert', [{ code: 'b' }, { code: 'c' }]),
      make('counter', 'insert', { id: 'a', n: 1 }),
      make('counter', 'upsert', { id: 'b', n: 1 }),
      make('counter', 'upsert', { id: 'b', m: 1 }, { ignoresExisting: true }),
      make('counter', 'update', { id: 'a', n: 2 }),
      make('counter', 'delete', { id: 'b' }),
    ]);
    const run = (text: string): Promise<Record<string, unknown>[]> => session.query(text);
    const prepared = await run(
      `select statement from pg_prepared_statements where name like 'row%' and statement ~ '"(ticket|counter)"'`,
    );
    expect(prepared.length).toBeGreaterThanOrEqual(7);
    for (const { statement } of prepared) {
      const plan = JSON.stringify(await explainGeneric(run, statement as string));
      // Of a nested loop whose inner side is no look by an index.
      expect(plan).not.toContain('"Join Filter"');
    }
  });

  test('consecutive writes of one row with the same columns are one row write, and a trigger sees each', async () => {
    const upserts = (table: string): Write[] =>
      Array.from({ length: 20 }, (_, n) => make(table, 'upsert', { id: table === 'counter' ? 'x' : 1, n }));
    const { fates } = await settle([...upserts('counter')]);
    expect(fates).toEqual(['created', ...Array.from({ length: 19 }, () => 'updated')]);
    expect(await rows('select n, m from counter')).toEqual([{ n: 19, m: 7 }]);
    const logged = upserts('logged');
    const first = await settle(logged);
    expect(first.fates.slice(0, 9)).toEqual([
      'created',
      ...Array.from({ length: 7 }, () => 'updated'),
      'deferred',
    ]);
    expect(await rows('select n from log order by n')).toHaveLength(8);
  });

  test('rows have every type exactly, and are returned where that is asked for', async () => {
    const body = `{"id": 9007199254740993, "i8": -9223372036854775808, "n": 12345678901234567890.1234, "b": "\\\\xdeadbeef",
      "ts": "2024-02-29T12:00:00.123456+02:00", "a": [1, null, 3], "e": "happy", "d": 42, "j": {"x": [1.50, "é"], "y": null},
      "c": {"a": 7, "b": "q\\"t"}, "u": "0B7F8B7E-0000-4000-8000-000000000001", "f": 0.1, "iv": "P1DT2H", "t": ["a,b", "null", ""]}`;
    const { fates, outcomes } = await settle([make('kinds', 'insert', body, { isReturning: true })]);
    expect(fates).toEqual(['created']);
    expect(
      await rows(
        `select to_jsonb(k) - 'j' as row, k.n::text, k.j::text, k.b::text, k.id::text, k.i8::text from kinds k`,
      ),
    ).toMatchObject([
      {
        id: '9007199254740993',
        i8: '-9223372036854775808',
        n: '12345678901234567890.1234',
        b: '\\xdeadbeef',
        j: '{"x": [1.50, "é"], "y": null}',
        row: {
          a: [1, null, 3],
          e: 'happy',
          d: 42,
          doubled: 84,
          c: { a: 7, b: 'q"t' },
          f: 0.1,
          t: ['a,b', 'null', ''],
          u: '0b7f8b7e-0000-4000-8000-000000000001',
          iv: '1 day 02:00:00',
        },
      },
    ]);
    expect(await rows(`select ts = '2024-02-29 10:00:00.123456Z' as same from kinds`)).toEqual([
      { same: true },
    ]);
    expect(outcomes[0]!.detail!.rowTexts!.map(parseExact)).toMatchObject([
      {
        id: '9007199254740993',
        i8: '-9223372036854775808',
        n: '12345678901234567890.1234',
        d: 42,
        doubled: 84,
      },
    ]);
  });

  test('rows return keys that the database gave them, and get defaults for missing columns', async () => {
    const writes = [
      make('ticket', 'insert', { code: 'a' }),
      make('ticket', 'insert', { code: 'b', at: null }),
      make('ticket', 'insert', { code: 'a' }),
      make('ticket', 'insert', { title: 'no code' }),
      make('ticket', 'upsert', { code: 'b', title: 'changed' }, { onConflict: ['code'] }),
      make('ticket', 'upsert', { code: 'b', title: 'again' }, { onConflict: ['code'] }),
      make(
        'ticket',
        'upsert',
        { code: 'a', title: 'ignored' },
        { onConflict: ['code'], ignoresExisting: true },
      ),
      make('ticket', 'insert', [{ code: 'x' }, { code: 'y', title: 'other' }]),
    ];
    const { fates, outcomes } = await settle(writes);
    expect(fates).toEqual([
      'created',
      'created',
      'row_exists',
      'created',
      'updated',
      'deferred',
      'unchanged',
      'created',
    ]);
    expect(outcomes[2]!.detail).toEqual({
      database: { sqlState: '23505', constraint: 'ticket_code_key', column: null },
    });
    const stored = (await rows(
      'select id::int, code, title, at is null as no_time from ticket order by code',
    )) as { id: number; code: string }[];
    expect(stored).toMatchObject([
      { code: 'a', title: null, no_time: false },
      { code: 'b', title: 'changed', no_time: true },
      { code: 'x', title: null, no_time: false },
      { code: 'y', title: 'other' },
      { code: null, title: 'no code' },
    ]);
    expect(outcomes[0]!.detail).toEqual({ key: { id: stored[0]!.id } });
    expect(outcomes[4]!.detail).toEqual({ key: { id: stored[1]!.id } });
  });

  test('rows of an array are all written, or none', async () => {
    await settle([make('counter', 'insert', { id: 'taken', n: 1 })]);
    const writes = [
      make('counter', 'insert', [
        { id: 'p', n: 1 },
        { id: 'q', m: 2 },
      ]),
      make('counter', 'insert', [{ id: 'r' }, { id: 'taken' }]),
      make('counter', 'insert', [{ id: 's' }, { id: 's' }]),
      make(
        'counter',
        'upsert',
        [
          { id: 'taken', n: 5 },
          { id: 't', n: 6 },
        ],
        { isReturning: true },
      ),
      make('counter', 'insert', { id: 'single' }),
      make('ticket', 'insert', [{ code: 'same' }, { code: 'same' }]),
      make('counter', 'upsert', [
        { id: 'taken', n: 9 },
        { id: 'taken', n: 8 },
      ]),
    ];
    const { fates, outcomes } = await settle(writes);
    expect(fates).toEqual([
      'created',
      'row_exists',
      'row_exists',
      'created',
      'created',
      'row_exists',
      'row_invalid',
    ]);
    const told = outcomes.map(({ detail }) => detail?.database);
    expect(told[1]).toMatchObject({ sqlState: '23505', constraint: 'counter_pkey' });
    expect(told[2]).toMatchObject({ sqlState: '23505', constraint: 'counter_pkey' });
    expect(told[5]).toMatchObject({ sqlState: '23505', constraint: 'ticket_code_key' });
    expect(told[6]).toEqual({ sqlState: '21000', constraint: 'counter_pkey', column: 'id' });
    expect(outcomes[3]!.detail!.rowTexts!.map(parseExact)).toEqual([
      { id: 'taken', n: 5, m: 7 },
      { id: 't', n: 6, m: 7 },
    ]);
    expect(await rows('select id, n, m from counter order by id')).toEqual([
      { id: 'p', n: 1, m: 7 },
      { id: 'q', n: null, m: 2 },
      { id: 'single', n: null, m: 7 },
      { id: 't', n: 6, m: 7 },
      { id: 'taken', n: 5, m: 7 },
    ]);
    expect(await rows('select from ticket')).toEqual([]);
    // A trigger runs before the key is looked at.
    await settle([make('guarded', 'insert', { id: 1 })]);
    const taken = make('guarded', 'insert', [{ id: 2 }, { id: 1 }]);
    const again = make('guarded', 'insert', [{ id: 3 }, { id: 3 }]);
    const guarded = await settle([
      taken,
      again,
      make('guarded', 'insert', [{ id: 4 }, { id: 5, note: 'skip' }]),
    ]);
    expect(guarded.fates).toEqual(['row_exists', 'row_exists', 'created']);
    for (const outcome of guarded.outcomes.slice(0, 2))
      expect(outcome.detail?.database).toMatchObject({ constraint: 'guarded_pkey' });
    expect(await rows('select id from guarded order by id')).toEqual([{ id: 1 }, { id: 4 }]);
  });

  test('rows of an array that only share nulls, or a part of the constraint, are written and returned', async () => {
    const both = await settle([
      make('loose', 'upsert', [{ a: null, b: 1 }, { a: null, b: 2 }, { a: 3 }], {
        onConflict: ['a'],
        isReturning: true,
      }),
      make('loose', 'upsert', [{ b: 7 }, { b: 7 }], { onConflict: ['b', 'n'] }),
      make('loose', 'upsert', [{ a: 9 }, { a: 9 }], { onConflict: ['a'] }),
    ]);
    expect(both.fates).toEqual(['created', 'created', 'row_invalid']);
    expect(both.outcomes[0]!.detail!.rowTexts!.map(parseExact)).toMatchObject([
      { a: null, b: 1 },
      { a: null, b: 2 },
      { a: 3, b: null },
    ]);
    const { outcomes } = await settle([
      make('loose', 'upsert', [{ b: 10 }, { b: 9 }], { onConflict: ['b', 'n'], isReturning: true }),
    ]);
    expect(outcomes[0]!.detail!.rowTexts!.map(parseExact)).toMatchObject([{ b: 10 }, { b: 9 }]);
    expect(await rows('select a, b from loose where b is null or b < 9 order by b, a')).toEqual([
      { a: null, b: 1 },
      { a: null, b: 2 },
      { a: null, b: 7 },
      { a: null, b: 7 },
      { a: 3, b: null },
    ]);
  });

  test('rows are refused alone with SQLSTATE and constraint, and the others are committed', async () => {
    await settle([make('slot', 'insert', { id: 1, span: '[1,5)' })]);
    const writes = [
      make('orders', 'insert', { id: 1, total: 1 }),
      make('orders', 'insert', { id: 2, total: -1 }),
      make('orders', 'insert', { id: 3, total: null }),
      make('orders', 'insert', { id: 4, note: 'too long' }),
      make('orders', 'insert', { id: 5, total: 'x' }),
      make('guarded', 'insert', { id: 1, note: 'bad' }),
      make('kinds', 'insert', { id: 1, d: 100 }),
      make('kinds', 'insert', { id: 2, doubled: 1 }),
      make('slot', 'insert', { id: 2, span: '[4,6)' }),
      make('slot', 'insert', { id: 1, span: '[8,9)' }),
      make('orders', 'insert', { id: 6, total: 2 }),
      make('counter', 'update', { id: 'x', n: 'word' }),
      // The parent is in a table that is no target.
      make('guest', 'insert', { id: 1, house: 9 }),
      make('logged', 'insert', { id: 1, n: 1000 }),
      make('orders', 'upsert', [
        { id: 7, note: 'fits' },
        { id: 8, note: 'too long' },
      ]),
      make('kinds', 'update', { id: 'none', n: 1 }),
    ];
    const { fates, outcomes } = await settle(writes);
    const invalid = 'row_invalid';
    expect(fates).toEqual([
      'created',
      invalid,
      invalid,
      invalid,
      invalid,
      invalid,
      invalid,
      invalid,
      'row_exists',
      'row_exists',
      'created',
      invalid,
      'unresolved_reference',
      invalid,
      invalid,
      invalid,
    ]);
    const told = outcomes.map((outcome) => outcome.detail?.database);
    expect(told.map((each) => each?.sqlState ?? null)).toEqual([
      null,
      '23514',
      '23502',
      '22001',
      '22P02',
      'P0001',
      '23514',
      '428C9',
      '23P01',
      '23505',
      null,
      '22P02',
      '23503',
      '23514',
      '22001',
      '22P02',
    ]);
    expect(told[1]).toMatchObject({ constraint: 'total_is_positive' });
    expect(told[2]).toMatchObject({ column: 'total' });
    expect(told[8]).toMatchObject({ constraint: 'slot_span_excl' });
    // PostgreSQL names the column of none of these.
    const columns = [3, 4, 6, 11, 14, 15].map((place) => told[place]?.column);
    expect(columns).toEqual(['note', 'total', 'd', 'n', 'note', 'id']);
    // A trigger writes to another table.
    expect(told[13]).toEqual({ sqlState: '23514', constraint: 'log_n_check', column: null, table: 'log' });
    expect(told[1]).not.toHaveProperty('table');
    expect(outcomes.every(({ documentId }) => documentId === null)).toBe(true);
    expect(await rows('select id from orders order by id')).toEqual([{ id: 1 }, { id: 6 }]);
  });

  test('a wrong value is refused where its type reports it like a wrong statement', async () => {
    const wrong = { words: 'a:b', query: 'a b', path: '$.', class: 'nothing' };
    const columns = Object.keys(wrong);
    const writes = [
      make('searched', 'insert', { id: 1, words: 'a:1', query: 'a & b', path: '$.a', class: 'orders' }),
      ...Object.entries(wrong).map(([name, value], index) =>
        make('searched', 'insert', { id: index + 2, [name]: value }),
      ),
      make('searched', 'update', { id: 1, words: 'a:b' }),
    ];
    const { report, fates, outcomes } = await settle(writes);
    expect(report.failed).toEqual([]);
    expect(fates).toEqual(['created', ...columns.map(() => 'row_invalid'), 'row_invalid']);
    const told = outcomes.slice(1).map((outcome) => outcome.detail?.database);
    expect(told.map((each) => each?.column)).toEqual([...columns, 'words']);
    expect(told.map((each) => each?.sqlState)).toEqual(['42601', '42601', '42601', '42P01', '42601']);
    expect(await rows('select id from searched')).toEqual([{ id: 1 }]);
    expect(await rows('select from sluice.dead_letter')).toEqual([]);
  });

  test('a value is not at fault where its type fails without a value, too', async () => {
    await other.query(`create table looked_up (); create function look(value text) returns boolean language plpgsql as
        $$ begin perform from looked_up; return coalesce(value, '') <> 'bad'; end $$;
      create domain looked as text check (look(value));`);
    const wrongOf = async (body: unknown): Promise<unknown> =>
      (
        await rows(
          `select sluice.wrong_column('{n,a}', '{integer,looked}', '${JSON.stringify(body)}') as name`,
        )
      )[0];
    expect(await wrongOf({ a: 'ok' })).toEqual({ name: null });
    expect(await wrongOf({ a: 'bad' })).toEqual({ name: 'a' });
    await other.query('drop table looked_up');
    for (const body of [{ n: 1 }, { n: 1, a: 'ok' }, [{ n: 1, a: 'ok' }]])
      expect(await wrongOf(body)).toEqual({ name: null });
    await other.query('drop domain looked; drop function look');
  });

  test('rows that duplicate others cost no rollback', async () => {
    await settle([make('customer', 'insert', { id: 1, email: 'a@x' })]);
    const writes = Array.from({ length: 40 }, (_, index) =>
      make('customer', 'insert', { id: index + 1, email: index % 4 === 0 ? 'a@x' : `${index}@x` }),
    );
    const { report, fates, outcomes } = await settle(writes);
    expect(report).toMatchObject({ errors: [], transactions: 1 });
    expect(fates.filter((fate) => fate === 'row_exists')).toHaveLength(10);
    expect(outcomes[0]!.detail!.database!.constraint).toBe('customer_email_key');
    expect(outcomes[4]!.detail!.database!.constraint).toBe('customer_email_key');
  });

  test('rows are applied after their parents, whatever the order of arrival', async () => {
    const writes = [
      make('item', 'insert', { order_id: 1, line: 1 }),
      make('orders', 'insert', { id: 1, customer: 5 }),
      make('node', 'insert', { id: 2, parent: 1 }),
      make('node', 'upsert', { id: 1 }),
      make('node', 'insert', { id: 3, parent: 4 }),
      make('node', 'insert', { id: 4, parent: 3 }),
      make('customer', 'insert', { id: 5 }),
    ];
    const { report, fates } = await settle(writes);
    expect(fates).toEqual(['created', 'created', 'deferred', 'created', 'created', 'created', 'created']);
    expect(report.errors).toEqual([]);
    const again = isIntake ? await settleIntake() : (await settle([writes[2]!])).report;
    expect(fates2(again)).toEqual(['created']);
  });

  test('rows that wait for each other in a cycle are refused, with all rows that wait for them', async () => {
    const writes = [
      make('node', 'insert', { id: 3, parent: 4 }),
      make('node', 'upsert', { id: 4, parent: 3 }),
      make('node', 'insert', { id: 5, parent: 4 }),
      make('node', 'insert', { id: 6, parent: 7 }),
      make('node', 'upsert', { id: 7, parent: 8 }),
      make('node', 'upsert', { id: 8, parent: null }),
    ];
    const { fates } = await settle(writes);
    const unresolved = 'unresolved_reference';
    expect(fates).toEqual([unresolved, unresolved, unresolved, 'deferred', 'created', 'created']);
  });

  test('rows wait for a parent in the intake, or until a deadline, and otherwise are refused', async () => {
    const customer = make('customer', 'insert', { id: 9 });
    await insertIntake(session, [customer]);
    await other.query('update sluice.intake set blocked_at = clock_timestamp(), was_blocked = true');
    const writes = [
      make('orders', 'insert', { id: 1, customer: 9 }),
      make('orders', 'insert', { id: 2, customer: 10 }),
      make(
        'orders',
        'insert',
        { id: 3, customer: 11 },
        { write: { referenceDeadline: '2999-01-01T00:00:00Z' } },
      ),
      make('orders', 'insert', { id: 4 }),
      make('orders', 'update', { id: 4, customer: 10 }),
      make('orders', 'insert', [{ id: 5 }, { id: 6, customer: 9 }]),
    ];
    const { report, fates, outcomes } = await settle(writes, { withBlocked: isIntake });
    expect(report.errors).toEqual([]);
    expect(fates).toEqual([
      'blocked',
      'unresolved_reference',
      'blocked',
      'created',
      'unresolved_reference',
      'blocked',
    ]);
    expect(
      report.blocked.find(({ write }) => write === writes[0] || write.writeId === writes[0]!.writeId)!.awaits,
    ).toEqual([customer.referentialId]);
    expect(outcomes[1]!.detail).toEqual({
      missing: [
        { referentialId: writes[1]!.referenceIds[0], resource: 'public.customer', path: '$.customer' },
      ],
      database: { sqlState: '23503', constraint: 'orders_customer_fkey', column: 'customer' },
    });
    expect(await rows('select id from orders')).toEqual([{ id: 4 }]);
  });

  test('rows that others refer to are only deleted together with these', async () => {
    await settle([make('customer', 'insert', { id: 1 }), make('orders', 'insert', { id: 1, customer: 1 })]);
    const one = await settle([make('customer', 'delete', { id: 1 }), make('customer', 'insert', { id: 2 })]);
    expect(one.fates).toEqual(['row_referenced', 'created']);
    expect(one.outcomes[0]!.detail!.database).toMatchObject({
      sqlState: '23503',
      constraint: 'orders_customer_fkey',
    });
    const both = await settle([make('customer', 'delete', { id: 1 }), make('orders', 'delete', { id: 1 })]);
    expect(both.fates).toEqual(['deleted', 'deleted']);
  });

  test('rows with deferred constraints may come before their parents, and are refused alone at the end', async () => {
    const together = await settle([
      make('late', 'insert', { id: 1, box: 7, owner: 4 }),
      make('customer', 'insert', { id: 4, friend: 5 }),
      make('customer', 'insert', { id: 5, name: 'x', friend: 4 }),
    ]);
    expect(together.report.errors).toEqual([]);
    expect(together.fates).toEqual(['created', 'created', 'created']);
    const writes = [
      make('late', 'insert', { id: 2, box: 7 }),
      make('late', 'insert', { id: 3, owner: 3 }),
      make('late', 'insert', { id: 1 }),
      make('late', 'insert', { id: 6, box: 8 }),
    ];
    const { fates, outcomes } = await settle(writes);
    expect(fates).toEqual(['row_exists', 'unresolved_reference', 'row_exists', 'created']);
    expect(outcomes[0]!.detail!.database).toMatchObject({ sqlState: '23505', constraint: 'late_box_key' });
  });

  test('a row that a deferred trigger refuses at the end is refused alone', async () => {
    const { fates, outcomes } = await settle([
      make('late', 'insert', { id: 1, box: 99 }),
      make('late', 'insert', { id: 2, box: 1 }),
    ]);
    expect(fates).toEqual(['row_invalid', 'created']);
    expect(outcomes[0]!.detail!.database).toMatchObject({ sqlState: 'P0001', constraint: null });
  });

  test('a row whose deferred trigger calls a missing function is tried three times, and no catalog is read again', async () => {
    const { fates, report } = await settle([make('late', 'insert', { id: 1, box: 98 })]);
    expect(fates).toEqual([isIntake ? 'dead_letter' : 'failed']);
    expect(report.errors).toEqual(['42883', '42883', '42883']);
  });

  test('rows wait for a row that another transaction has locked, and the others are committed', async () => {
    await settle([
      make('counter', 'insert', { id: 'held', n: 1 }),
      make('counter', 'insert', { id: 'free', n: 1 }),
    ]);
    await other.query('begin');
    await other.query(`select from counter where id = 'held' for update`);
    const writes = [
      make('counter', 'update', { id: 'held', n: 2 }),
      make('counter', 'update', { id: 'free', n: 2 }),
      make('counter', 'update', { id: 'held', n: 3 }),
      make('customer', 'insert', { id: 1 }),
    ];
    const update = await settle(writes);
    await other.query('rollback');
    expect(update.report.errors).toEqual([]);
    expect(update.fates).toEqual(['blocked', 'updated', 'blocked', 'created']);
    expect(update.report.blocked.map(({ awaits }) => awaits)).toEqual([
      [writes[0]!.writeId],
      [writes[0]!.writeId],
    ]);
    await other.query('truncate sluice.intake');
    await other.query('begin');
    await other.query(`select from counter where id = 'held' for update`);
    const upserts = [
      make('counter', 'upsert', { id: 'held', n: 9 }),
      make('counter', 'upsert', { id: 'free', n: 9 }),
    ];
    const upsert = await settle(upserts, { lockWaitMs: 50 });
    await other.query('rollback');
    expect(upsert.report.errors).toEqual([]);
    expect(upsert.fates).toEqual(['blocked', 'updated']);
  });

  test('rows are ordered after a write of their key that waits in the intake', async () => {
    const waiting = make('counter', 'insert', { id: 'k' });
    await insertIntake(session, [waiting]);
    if (isIntake)
      await other.query('update sluice.intake set blocked_at = clock_timestamp(), was_blocked = true');
    const later = make('counter', 'update', { id: 'k', n: 2 });
    const { report } = await settle([later, make('counter', 'insert', { id: 'alone' })], {
      withBlocked: isIntake,
    });
    expect(report.outcomes).toHaveLength(1);
    expect(report.blocked).toMatchObject([{ write: { writeId: later.writeId }, awaits: [waiting.writeId] }]);
  });

  test('rows with an idempotency key are applied once, refusals of the database included', async () => {
    const keyed = (id: number, idempotencyKey: string, more: RowBody = {}): Write =>
      make('orders', 'insert', { id, ...more }, { write: { idempotencyKey } });
    const [one, two, three] = [randomUUID(), randomUUID(), randomUUID()];
    const first = await settle([keyed(1, one), keyed(2, two, { total: -1 }), keyed(1, three), keyed(1, one)]);
    expect(first.fates).toEqual(['created', 'row_invalid', 'row_exists', 'created']);
    await other.query('truncate sluice.intake');
    await other.query('delete from orders');
    const again = await settle([keyed(1, one), keyed(2, two, { total: -1 }), keyed(1, three), keyed(9, one)]);
    expect(again.fates).toEqual(['created', 'row_invalid', 'row_exists', 'idempotency_key_reused']);
    expect(await rows('select from orders')).toEqual([]);
  });

  test('rows of triggers, partitions, odd names and keys of many spellings are as in PostgreSQL', async () => {
    const writes = [
      make('guarded', 'insert', { id: 1, note: 'fine' }),
      make('guarded', 'insert', { id: 2, note: 'skip' }),
      make('guarded', 'insert', { id: 3, note: 'moved' }),
      make('guarded', 'insert', { id: 4, note: 'fine' }),
      make('guarded', 'insert', { id: 4, note: 'fine' }),
      make('parted', 'insert', { id: 1, day: 5 }),
      make('parted', 'upsert', { id: 1, day: 5, note: 'x' }),
      make('parted', 'upsert', { id: 1, day: 150, note: 'y' }),
      make('parted', 'insert', { id: 1, day: 500 }),
      make('Odd.Order Item', 'upsert', { 'The Key': `it's "q"`, select: 1, 'a"b': '1' }),
      make('Odd.Order Item', 'update', { 'The Key': `it's "q"`, select: 1, 'a"b': null }),
      make('Odd.Order Item', 'delete', { 'The Key': `it's "q"`, select: 2 }),
      make('measured', 'insert', `{"id": "2024-01-01T00:00:00Z", "v": 1}`),
      make('measured', 'insert', `{"id": "2024-01-01T02:00:00+02", "v": 2}`),
      make('measured', 'insert', `{"id": "2024-01-02T00:00:00Z", "v": 1}`),
    ];
    const { fates } = await settle(writes);
    expect(fates).toEqual([
      'created',
      'unchanged',
      'created',
      'created',
      'row_exists',
      'created',
      'updated',
      'created',
      'row_invalid',
      'created',
      'updated',
      'row_not_found',
      'created',
      'deferred',
      'created',
    ]);
    expect(await rows('select id from guarded order by id')).toEqual([{ id: 1 }, { id: 4 }, { id: 1003 }]);
    const spelled = [
      make('measured', 'update', `{"id": "2024-01-01T00:00:00Z", "v": 7}`),
      make('measured', 'update', `{"id": "2024-01-01T02:00:00+02", "v": 8}`),
      make('measured', 'upsert', `{"id": "2024-01-02T00:00:00Z", "v": 7}`),
      make('measured', 'upsert', `{"id": "2024-01-02 00:00", "v": 8}`),
    ];
    await other.query('truncate sluice.intake');
    expect((await settle(spelled)).fates).toEqual(['updated', 'deferred', 'updated', 'updated']);
    expect(await rows('select v from measured order by id')).toEqual([{ v: 7 }, { v: 8 }]);
  });

  test('rows that fit a table changed meanwhile are written, and none becomes a dead letter', async () => {
    await other.query(
      'drop table if exists changing; create table changing (id integer primary key, n integer, gone text, parent integer)',
    );
    const role = new URL(database.writerUrl).username;
    await other.query(`grant all on changing to ${role}`);
    const own = [{ table: 'changing' }];
    const more = { targets: tableTargets(own) };
    const write = async (body: RowBody): Promise<string | undefined> => {
      const [table] = (await readTargets(session, own)).tables;
      return (await settle([rowWrite(table!, 'upsert', body)], more)).fates[0];
    };
    const stale = async (body: RowBody, change: string): Promise<Outcome | undefined> => {
      const [table] = (await readTargets(session, own)).tables;
      const made = rowWrite(table!, 'upsert', body);
      await other.query(change);
      return (await settle([made, rowWrite(table!, 'upsert', { id: 99 })], more)).outcomes[0];
    };
    expect(await write({ id: 1, n: 1, gone: 'x' })).toBe('created');
    await other.query('alter table changing alter column n type text');
    expect(await write({ id: 1, n: 'word' })).toBe('updated');
    await other.query('alter table changing add column later integer');
    expect(await write({ id: 1, later: 2 })).toBe('updated');
    await other.query('alter table changing rename n to m');
    expect(await write({ id: 1, m: 'renamed' })).toBe('updated');
    expect(await stale({ id: 2, gone: 'x' }, 'alter table changing drop column gone')).toMatchObject({
      code: 'row_invalid',
      detail: { database: expect.not.objectContaining({ table: expect.anything() as string }) as object },
    });
    await other.query('drop table changing; create table changing (id bigint primary key, m integer)');
    await other.query(`grant all on changing to ${role}`);
    expect(await write({ id: 5, m: 2 })).toBe('created');
    await other.query(`revoke insert on changing from ${role}`);
    expect(await write({ id: 6, m: 2 })).toBe(isIntake ? 'dead_letter' : 'failed');
    const error = { code: '42501', constraint: null, table: 'public.changing' };
    expect(await rows('select error from sluice.dead_letter')).toEqual(isIntake ? [{ error }] : []);
    await other.query('drop table changing');
    const [table] = tables.values();
    const dropped = { ...table!, name: 'public.changing', schema: 'public', table: 'changing' };
    const neighbour = make('counter', 'insert', { id: 'neighbour' });
    const both = { targets: tableTargets([...own, { table: 'counter' }]) };
    const { fates } = await settle([rowWrite(dropped, 'insert', { id: 1 }), neighbour], both);
    expect(fates).toEqual([isIntake ? 'dead_letter' : 'failed', 'created']);
  });

  test('rows of a target that this process does not know wait for a writer that does', async () => {
    const writes = [make('counter', 'insert', { id: 'a' }), make('customer', 'insert', { id: 1 })];
    const { fates } = await settle(writes, { targets: tableTargets([{ table: 'customer' }]) });
    expect(fates).toEqual(['blocked', 'created']);
  });

  test('rows are committed together with the documents of their batch', async () => {
    const document = documentOf(isIntake ? 1 : 2);
    const { fates, report } = await settle([make('counter', 'insert', { id: 'a' }), document]);
    expect(fates).toEqual(['created', 'created']);
    expect(report.transactions).toBe(1);
    // Beside a document, an array that meets a key costs no rollback either.
    const taken = make('counter', 'insert', [{ id: 'b' }, { id: 'a' }]);
    const beside = await settle([taken, documentOf(isIntake ? 3 : 4)]);
    expect(beside.fates).toEqual(['row_exists', 'created']);
    expect(beside.report).toMatchObject({ errors: [], transactions: 1 });
    const found = await rows(
      `select xmin::text from counter union select xmin::text from sluice.document where document_id = '${document.documentId}'`,
    );
    expect(found).toHaveLength(1);
  });
});

describe('a batch of the memory of a node that is tried in halves', () => {
  const settleMemory = (writes: readonly Write[]): Promise<BatchReport> =>
    settleBatch(session, memoryOrigin(writes), options);
  /** The answers of one transaction, and those beside a write at each place that has the batch tried in halves. */
  async function fatesInHalves(made: () => Write[]): Promise<string[][]> {
    const writes = made();
    const all = [fates(writes, await settleMemory(writes))];
    for (let place = 1; place <= writes.length; place++) {
      const again = made();
      const bad = badRow();
      const report = await settleMemory(again.toSpliced(place, 0, bad));
      expect(fates([bad], report)).toEqual(['row_invalid']);
      all.push(fates(again, report));
    }
    return all;
  }
  const badRow = (): Write => make('orders', 'insert', { id: 99, total: -1 });

  test('a row of a batch in halves waits for its blocked parent, and for a blocked write of the same row', async () => {
    await insertIntake(session, [make('customer', 'insert', { id: 9 })]);
    const parent = (): Write => make('orders', 'upsert', { id: 1, customer: 9 });
    const all = await fatesInHalves(() => [
      parent(),
      make('item', 'insert', { order_id: 1, line: 1 }),
      make('orders', 'upsert', { id: 1, note: 'later' }),
      make('orders', 'delete', { id: 1 }),
      make('item', 'insert', { order_id: 1, line: 2 }),
    ]);
    expect(new Set(all.flat())).toEqual(new Set(['blocked']));
    expect(await rows('select from orders')).toEqual([]);
  });

  test('a row of a batch in halves waits for a blocked write of its idempotency key', async () => {
    await insertIntake(session, [make('customer', 'insert', { id: 9 })]);
    const write = { idempotencyKey: 'held' };
    const made = (): Write[] => [
      make('orders', 'insert', { id: 1, customer: 9 }, { write }),
      badRow(),
      make('orders', 'insert', { id: 2 }, { write }),
    ];
    const writes = made();
    expect(fates(writes, await settleMemory(writes))).toEqual(['blocked', 'row_invalid', 'blocked']);
  });

  test('a document of a batch in halves waits for a blocked one: of its references, or of the same identity', async () => {
    const document = (
      name: Parameters<typeof resource>[0],
      body: object,
      write: Partial<Write> = {},
    ): Write => {
      const { referentialId, superclassId, references } = describeDocument(resource(name), body);
      return {
        ...make('customer', 'insert', { id: 1 }),
        resource: `test/${name}`,
        operation: 'upsert',
        form: null,
        referentialId,
        superclassId,
        referenceIds: references.map((reference) => reference.referentialId),
        lane: laneOf(referentialId, superclassId, 16),
        body: JSON.stringify(body),
        ...write,
      };
    };
    const [a, b, missing] = [fresh(), fresh(), fresh()];
    await insertIntake(session, [document('friends', friend(missing))]);
    const all = await fatesInHalves(() => [
      document('friends', friend(a, missing)),
      document('friends', friend(b, a)),
      document('friends', friend(a)),
    ]);
    expect(new Set(all.flat())).toEqual(new Set(['blocked']));
  });
});

describe('an answer to a write alone', () => {
  const lanesOf = async (isOwn: (lane: number) => boolean): Promise<Map<number, number>> => {
    const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
    return new Map(rows.filter(({ lane }) => isOwn(lane)).map(({ lane, term }) => [lane, Number(term)]));
  };
  const cancel = ({ writeId, lane }: Write): Promise<unknown> =>
    other.query(
      `select from sluice.cancel_writes(gen_random_uuid(), array[$1::uuid], array[$2::smallint], '{orders}', '{ann}')`,
      [writeId, lane],
    );
  const codes = async (writes: readonly Write[]): Promise<unknown[]> => {
    const ids = writes.map(({ writeId }) => writeId);
    const { rows } = await other.query<{ write_id: string; code: string | null }>(
      'select write_id, code from sluice.outcome where write_id = any($1)',
      [ids],
    );
    return ids.map((id) => rows.find((row) => row.write_id === id)?.code);
  };

  test('a refused write that comes into the intake after its answer leaves it, and its batch commits', async () => {
    const [cancelled, refused] = [
      make('orders', 'insert', { id: 1, total: -1 }),
      make('orders', 'insert', { id: 2, total: -1 }, { write: { idempotencyKey: randomUUID() } }),
    ];
    const good = make('orders', 'insert', { id: 3 });
    await cancel(cancelled);
    await insertIntake(session, [refused]);
    expect(fates([refused], await settleIntake())).toEqual(['row_invalid']);
    await insertIntake(session, [cancelled, refused, good]);
    expect(fates([cancelled, refused, good], await settleIntake())).toEqual([
      'nothing',
      'nothing',
      'created',
    ]);
    expect(await rows('select from sluice.intake')).toEqual([]);
    expect(await codes([cancelled, refused])).toEqual(['cancelled', 'row_invalid']);
  });

  test('a write that killed its writers and has an answer leaves the intake without another', async () => {
    const late = make('orders', 'insert', { id: 1 });
    await cancel(late);
    await insertIntake(session, [late]);
    const report = await makeDeadLetter(
      session,
      intakeOrigin(await lanesOf(() => true), 100),
      late.writeId,
      3,
    );
    expect(report.outcomes).toEqual([]);
    expect(
      await rows('select write_id from sluice.intake union all select write_id from sluice.dead_letter'),
    ).toEqual([]);
    expect(await codes([late])).toEqual(['cancelled']);
  });

  test.each(origins)(
    'a write that fails alone and has an answer gets no other, %s',
    async (_title, isIntake) => {
      const late = make('guarded', 'insert', { id: 1, note: 'broken' });
      await cancel(late);
      if (isIntake) await insertIntake(session, [late]);
      const report = isIntake ? settleIntake() : settleBatch(session, memoryOrigin([late]), options);
      expect(fates([late], await report)).toEqual(['nothing']);
      const left = 'select write_id from sluice.intake union all select write_id from sluice.dead_letter';
      expect(await rows(left)).toEqual([]);
    },
  );

  test('a discarded write that has an answer leaves the intake and keeps the answer', async () => {
    const [late, waiting] = [make('orders', 'insert', { id: 1 }), make('orders', 'insert', { id: 2 })];
    await cancel(late);
    await insertIntake(session, [late, waiting]);
    const of = (write: Write): { write: Write; outcome: Outcome } => ({
      write,
      outcome: notApplied(write, 'discarded'),
    });
    expect((await settleUnapplied(session, [of(late)])).map(({ code }) => code)).toEqual(['cancelled']);
    expect(await rows('select write_id from sluice.intake')).toEqual([{ write_id: waiting.writeId }]);
    const both = await settleUnapplied(session, [of(late), of(waiting)]);
    expect(both.map(({ code }) => code)).toEqual(['cancelled', 'discarded']);
    expect(await rows('select write_id from sluice.intake')).toEqual([]);
  });

  test('two leaders answer refused writes of one idempotency key alike', { timeout: 60_000 }, async () => {
    const url = database.writerUrl;
    const second = await Session.open({
      url,
      applicationName: 'second',
      settings: { lock_timeout: '100ms' },
    });
    onTestFinished(() => second.close());
    const leaders = await Promise.all(
      [session, second].map(async (by, place) => ({
        by,
        origin: intakeOrigin(await lanesOf((lane) => lane % 2 === place), 100),
      })),
    );
    for (let n = 0; n < 10; n++) {
      const idempotencyKey = randomUUID();
      const made = leaders.map((_, place): Write => {
        for (;;) {
          const write = make('loose', 'insert', { n: -1 }, { write: { idempotencyKey } });
          if (write.lane % 2 === place) return write;
        }
      });
      await insertIntake(session, made);
      const reports = await Promise.all(leaders.map(({ by, origin }) => settleBatch(by, origin, options)));
      const told = reports.flatMap(({ outcomes }) => outcomes.map(({ outcome }) => outcome.code));
      expect(told).toEqual(['row_invalid', 'row_invalid']);
    }
  });

  test.each(origins)(
    'a refused write whose idempotency key another transaction binds takes the answer of that write, %s',
    async (_title, isIntake) => {
      const key = randomUUID();
      const write = make('orders', 'insert', { id: 1, total: -1 }, { write: { idempotencyKey: key } });
      const first = randomUUID();
      const binding = await openConnection(database.url);
      await binding.query('begin');
      await binding.query(
        `insert into sluice.outcome (write_id, batch_id, ordinal, lane, result, code, resource, client)
         values ($1, gen_random_uuid(), 0, 0, 'refused', 'row_exists', 'orders', 'ann')`,
        [first],
      );
      await binding.query(
        `insert into sluice.idempotency_key (client, key, write_id, fingerprint) values ('ann', $1, $2, $3)`,
        [key, first, fingerprintOf(write)],
      );
      if (isIntake) await insertIntake(session, [write]);
      const report = isIntake ? settleIntake() : settleBatch(session, memoryOrigin([write]), options);
      await eventually(async () =>
        expect(
          await rows(
            `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
          ),
        ).toHaveLength(1),
      );
      await binding.query('commit');
      expect(fates([write], await report)).toEqual(['row_exists']);
    },
  );
});

describe('the search for who holds a lock', () => {
  const settleBriefly = async (writes: readonly Write[]): Promise<BatchReport> => {
    await insertIntake(session, writes);
    return settleIntake({ lockWaitMs: 25 });
  };
  const begin = async (client: pg.Client, lock: string): Promise<string> => {
    await client.query('begin');
    await client.query(lock);
    const [row] = (await client.query<{ id: string }>('select pg_current_xact_id()::xid::text as id')).rows;
    return row!.id;
  };

  test(
    'the search for who holds a lock waits as briefly as the batch, whatever the limit of the session',
    { timeout: 10_000 },
    async () => {
      await settleBriefly([make('counter', 'insert', { id: 'held' })]);
      await session.query(`select set_config('lock_timeout', '0', false)`);
      onTestFinished(async () => {
        await other.query('rollback');
        await session.query(`select set_config('lock_timeout', '100ms', false)`);
      });
      await other.query('begin; lock table counter in access exclusive mode');
      const write = make('counter', 'update', { id: 'held', n: 2 });
      const { blocked, errors } = await settleBriefly([write]);
      expect(blocked.map((each) => each.write.writeId)).toEqual([write.writeId]);
      expect(errors).toContain('55P03');
      // The session has no open transaction.
      const state = `select state from pg_stat_activity where pid = ${session.pid}`;
      expect(await sql(database.url, state)).toEqual([{ state: 'idle' }]);
    },
  );

  test('the search for who holds a lock has no effect on its batch when it fails', async () => {
    await settleBriefly([make('counter', 'insert', { id: 'held' })]);
    onTestFinished(async () => void (await other.query('rollback')));
    await other.query(`begin; select from counter where id = 'held' for update`);
    const [target] = tableTargets(definitions);
    vi.spyOn(target!, 'findLockers').mockRejectedValue(new TargetError('the table', new Error('it is gone')));
    const write = make('counter', 'update', { id: 'held', n: 2 });
    await insertIntake(session, [write]);
    const { blocked } = await settleIntake({ targets: [target!] });
    expect(blocked.map((each) => each.write.writeId)).toEqual([write.writeId]);
  });

  test('the search for who holds a lock names the holder of the own row before that of a parent, and writes it once', async () => {
    const third = await openConnection(database.url);
    onTestFinished(async () => {
      await other.query('rollback');
      await third.end();
    });
    await settleBriefly([make('customer', 'insert', { id: 1 }), make('loose', 'insert', { a: 1, owner: 1 })]);
    const holder = await begin(other, 'select from loose where a = 1 for update');
    await begin(third, 'select from customer where id = 1 for key share');
    const write = make('loose', 'update', { id: 1, owner: 1 });
    const report = await settleBriefly([write]);
    expect(report.blocked).toHaveLength(1);
    const noted = `select locker::text, ctid::text from sluice.awaited where write_id = '${write.writeId}'`;
    const [first] = await sql(database.url, noted);
    expect(first).toMatchObject({ locker: holder });
    const { rows } = await other.query<{ term: string }>('select term from sluice.lane where lane = $1', [
      write.lane,
    ]);
    const origin = lockedOrigin(new Map([[write.lane, Number(rows[0]!.term)]]), [write.writeId]);
    const again = await settleBatch(session, origin, { ...options, lockWaitMs: 25 });
    expect(again.blocked).toHaveLength(1);
    expect(await sql(database.url, noted)).toEqual([first]);
  });
});

const fates2 = (report: BatchReport): string[] =>
  report.outcomes.map(({ outcome }) => outcome.code ?? outcome.result);

function documentOf(noteId: number): Write {
  const { referentialId } = describeDocument(resource('notes'), { noteId });
  const writeId = randomUUID();
  return {
    ...make('counter', 'upsert', { id: 'x' }),
    writeId,
    documentId: writeId,
    resource: 'test/notes',
    referentialId,
    lane: laneOf(referentialId, null, 16),
    form: null,
    body: JSON.stringify({ noteId }),
  };
}
