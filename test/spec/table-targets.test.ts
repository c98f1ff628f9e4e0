// Rows of the user's tables through the real coordinator, from the intake and from the memory of a node.

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { model } from '../support/model.ts';
import {
  intakeOrigin,
  memoryOrigin,
  settleBatch,
  settleOptions,
  tableTargets,
  type BatchReport,
  type SettleOptions,
} from 'sluice/internal/batch';
import type { Outcome, Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { readTargets, type TableCatalog, type TableDefinition } from 'sluice/internal/targets';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { insertIntake, rowWrite, type RowBody, type RowWriteOptions } from '../support/row-write.ts';

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
    create table customer (id bigint primary key, email text unique, name text not null default 'nobody');
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
      if new.note = 'skip' then return null; end if;
      if new.note = 'moved' then new.id := new.id + 1000; end if;
      return new; end $$;
    create trigger guard before insert or update on guarded for each row execute function guard();
    create table slot (id integer primary key, span int4range, exclude using gist (span with &&));
    create table logged (id integer primary key, n integer);
    create table log (id integer, n integer);
    create function note_change() returns trigger language plpgsql as $$ begin
      insert into log values (new.id, new.n); return null; end $$;
    create trigger noted after insert or update on logged for each row execute function note_change();
    create table late (
      id integer primary key, box integer unique deferrable initially deferred,
      owner integer references customer deferrable initially deferred);
    create table measured (id numeric primary key, v integer);
    grant usage on schema "Odd" to ${role};
    grant select, insert, update, delete on all tables in schema public, "Odd" to ${role};
    grant usage on all sequences in schema public to ${role};
    insert into sluice.lane (lane) select generate_series(0, 15);
  `.replace('references customer deferrable', 'references customer (id) deferrable'),
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
    "Odd"."Order Item", ticket, parted, guarded, slot, logged, log, late, measured restart identity`);
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

  test('are inserted, upserted, updated and deleted, several of one row in order, in one transaction', async () => {
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

  test('that follow each other with the same columns are one row write; a trigger sees each', async () => {
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
});
