// The statements for rows on PostgreSQL: how they read values, and when they return a state for each row.

import { Session } from '#store';
import { readTargets, type RowForm, type TableCatalog } from '#targets';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../../../../../test/support/database.ts';
import { sql } from '../../../../../test/support/sql.ts';
import { castText } from './names.ts';
import { rowStatement } from './statement.ts';

const database = useDatabase();
let session: Session;
let tables: Map<string, TableCatalog>;

/** Columns of the table `wide`. */
const wide = Array.from({ length: 20 }, (_, at) => `c${at}`);

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'row statements' });
  for (const text of [
    'create table item (id integer primary key, n integer)',
    'create table touched (id integer primary key, n integer)',
    `create function keep() returns trigger language plpgsql as 'begin return new; end'`,
    'create trigger keeps before insert on touched for each row execute function keep()',
    'create table parted (id integer primary key, n integer) partition by range (id)',
    'create table parted_all partition of parted default',
    'create table general (id integer primary key, n integer)',
    'create table special () inherits (general)',
    'insert into special values (1, 0)',
    `create table wide (id integer primary key, ${wide.map((name) => `${name} text`).join()})`,
    'create table given (id integer generated always as identity primary key, n integer)',
  ])
    await sql(database.url, text);
  const named = ['item', 'touched', 'parted', 'general', 'wide', 'given'].map((table) => ({ table }));
  const targets = await readTargets(session, named);
  tables = new Map(targets.tables.map((table) => [table.table, table]));
});
afterAll(() => session.close());

const forms: Readonly<Record<string, Partial<RowForm>>> = {
  insert: { operation: 'insert' },
  upsert: { operation: 'upsert' },
  ignore: { operation: 'upsert', ignoresExisting: true },
  update: { operation: 'update', columns: ['n'] },
  delete: { operation: 'delete', columns: [] },
  returning: { operation: 'insert', isReturning: true },
};

/** The states that the statement returns, after `1` was stored, in a transaction that is rolled back. */
async function statesOf(table: string, form: string, ids: readonly number[]): Promise<unknown[]> {
  const catalog = tables.get(table)!;
  const columns = table === 'given' ? ['n'] : ['id', 'n'];
  const statement = rowStatement({
    catalog,
    form: {
      columns,
      isArray: false,
      isReturning: false,
      ignoresExisting: false,
      onConflict: null,
      ...forms[form],
    } as RowForm,
    parents: [],
    source: 'memory',
    schema: 'sluice',
    mayWait: false,
    purpose: 'settle',
    version: '',
  });
  const bodies = ids.map((id) =>
    JSON.stringify(table === 'given' ? { n: id } : form === 'delete' ? { id } : { id, n: id }),
  );
  await session.flight([{ name: 'begin' }]);
  try {
    if (table !== 'given') await session.query(`insert into ${table} values (1, 0), (4, 0)`);
    const rows = await session.query(statement.text, [bodies]);
    return [
      statement.plainState,
      ...rows
        .toSorted((one, other) => (one['place'] as number) - (other['place'] as number))
        .map((row) => row['state']),
    ];
  } finally {
    await session.flight([{ name: 'rollback' }]);
  }
}

describe('a statement for rows', () => {
  test.each([
    ['item', 'insert', [2, 3], ['created']],
    ['item', 'insert', [2, 1], ['created', 'created', 'exists']],
    ['item', 'insert', [2, 2], ['created', 'created', 'later']],
    ['item', 'upsert', [2, 3], ['created']],
    ['item', 'upsert', [2, 1], ['created', 'created', 'updated']],
    ['item', 'upsert', [2, 2], ['created', 'created', 'updated']],
    ['item', 'ignore', [2, 3], ['created']],
    ['item', 'ignore', [1, 3], ['created', 'unchanged', 'created']],
    ['item', 'update', [1, 4], ['updated']],
    ['item', 'update', [1, 9], ['updated', 'updated', 'absent']],
    ['item', 'delete', [4, 1], ['deleted']],
    ['item', 'delete', [9, 1], ['deleted', 'absent', 'deleted']],
    ['parted', 'insert', [2, 3], ['created']],
    ['general', 'update', [1, 9], ['updated', 'updated', 'absent']],
    ['general', 'delete', [1, 9], ['deleted', 'deleted', 'absent']],
  ])('on %s, %s of %j returns states only if one is not the usual: %j', async (table, form, ids, states) => {
    expect(await statesOf(table, form, ids)).toEqual(states);
  });

  test.each([
    ['item', 'returning', [2], [null, 'created']],
    ['touched', 'insert', [2], [null, 'total', 'created']],
    ['parted', 'upsert', [2, 1], [null, 'created', 'updated']],
    ['given', 'insert', [2], [null, 'created']],
  ])('on %s, %s always returns the states', async (table, form, ids, states) => {
    const [plain, ...told] = await statesOf(table, form, ids);
    expect([plain, ...told]).toEqual(states);
  });
});

test('a large body is read once, however many of its columns a statement reads', async () => {
  const id = '00000000-0000-0000-0000-000000000001';
  await sql(
    database.url,
    `insert into sluice.intake (write_id, document_id, referential_id, node, lane, operation, resource, content_hash,
                                client, reference_ids, body)
     select $1, $1, $1, 1, 0, 'upsert', 'r', 'h', '', '{}', '{"id": 1}' || jsonb_object_agg('c' || c, v)
     from (select c, string_agg(md5(random()::text), '') as v from generate_series(0, 19) c, generate_series(1, 12) group by c) x`,
    [id],
  );
  const blocksOf = async (columns: string[]): Promise<number> => {
    const { text } = rowStatement({
      catalog: tables.get('wide')!,
      form: {
        operation: 'update',
        columns,
        isArray: false,
        isReturning: false,
        ignoresExisting: false,
        onConflict: null,
      },
      parents: [],
      source: 'intake',
      schema: 'sluice',
      mayWait: false,
      purpose: 'settle',
      version: '',
    });
    const [row] = await session.query(`explain (analyze, buffers, format json) ${text}`, [[id]]);
    const [explained] = (row?.['QUERY PLAN'] ?? []) as { Plan: Record<string, number> }[];
    const plan = explained?.Plan ?? {};
    return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  };
  // The first reads the catalog, too.
  await blocksOf(wide);
  expect((await blocksOf(wide)) - (await blocksOf(['c0']))).toBeLessThan(10);
});

const types = [
  'smallint',
  'integer',
  'bigint',
  'real',
  'double precision',
  'numeric',
  'numeric(6,2)',
  'text',
  'boolean',
  'uuid',
  'date',
  'timestamp without time zone',
  'timestamp(3) with time zone',
];
const values = [
  'null',
  'true',
  '0',
  '-0',
  '1.5',
  '32768',
  '9007199254740993',
  '1e400',
  '12345.675',
  '1.0',
  '{"a": [1, 2.0]}',
  ...[
    '',
    ' 7 ',
    'yes',
    'NaN',
    'infinity',
    '0x1F',
    '1_000',
    'é"\\\\',
    '2026-02-29',
    '2026-02-28 12:34:56.7891+02',
  ].map((text) => JSON.stringify(text)),
  '"018F4C2E-7A11-7000-8000-00000000ABCD"',
  '[]',
];

test.each(types)('a value of type %s is read by a cast as jsonb_to_record reads it', async (type) => {
  const cast = castText({ name: "it's", type } as Parameters<typeof castText>[0]);
  const read = async (text: string, value: string): Promise<unknown> => {
    const body = `{"it's": ${value}}`;
    const found = session.query(`select (${text})::text as value from (select $1::jsonb as body) s`, [body]);
    return found.then(
      ([row]) => row?.['value'],
      (error: unknown) => (error as { sqlState?: string }).sqlState,
    );
  };
  for (const value of values)
    expect([value, await read(cast!, value)]).toEqual([
      value,
      await read(`(select r."it's" from jsonb_to_record(s.body) as r ("it's" ${type}))`, value),
    ]);
});

test.each([
  'character varying(3)',
  'character(3)',
  'text[]',
  'jsonb',
  'bytea',
  'public.mood',
  'numeric(3,-2)',
  'timestamp',
])('a value of type %s is left to jsonb_to_record', (type) =>
  expect(castText({ name: 'a', type } as Parameters<typeof castText>[0])).toBeNull(),
);
