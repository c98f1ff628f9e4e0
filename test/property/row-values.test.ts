// What a node refuses of a row, PostgreSQL refuses too: any value, in a column of any type, is given to both.

import fc from 'fast-check';
import { Database } from 'sluice/internal/store';
import { readTargets } from 'sluice/internal/targets';
import { expect, test } from 'vitest';
import { prepareRow } from '../../packages/sluice/src/client/prepare-row.ts';
import { rowTableOf, type RowTable } from '../../packages/sluice/src/client/row-table.ts';
import { useDatabase } from '../support/database.ts';
import { sql } from '../support/sql.ts';

const database = useDatabase();
const cases = 12 * Number(process.env['SLUICE_PROPERTY_CASES'] ?? 300);

const types = {
  small: 'smallint',
  int: 'integer',
  big: 'bigint',
  real: 'real',
  double: 'double precision',
  numeric: 'numeric',
  money2: 'numeric(5,2)',
  tenths: 'numeric(3,1)',
  flag: 'boolean',
  id: 'uuid',
  day: 'date',
  clock: 'time',
  zoned_clock: 'timetz',
  moment: 'timestamp',
  zoned: 'timestamptz',
  span: 'interval',
  bytes: 'bytea',
  words: 'text',
  short: 'varchar(3)',
  fixed: 'char(3)',
  mood: 'mood',
  code: 'code',
  amount: 'amount',
  json: 'jsonb',
  plain_json: 'json',
  place: 'place',
  numbers: 'integer[]',
  ids: 'uuid[]',
  shorts: 'varchar(2)[]',
  moods: 'mood[]',
  documents: 'jsonb[]',
  net: 'inet',
  point: 'point',
  range: 'int4range',
  bits: 'bit(3)',
};

const simpleTypes = ['small', 'int', 'big', 'real', 'double', 'flag', 'id', 'money2'];

const schema = `
  create type mood as enum ('sad', 'ok', '1', 'true');
  create domain code as varchar(4) check (value <> 'no');
  create domain amount as numeric(4, 1) not null default 0;
  create type place as (x integer, name text);
  create table door (door_id integer primary key, ${Object.entries(types)
    .map(([name, type]) => `${name} ${type}`)
    .join(', ')});
  create function try_values(given jsonb) returns text[] language plpgsql as $$
  declare
    one jsonb;
    state text;
    states text[] := '{}';
  begin
    for one in select value from jsonb_array_elements(given) loop
      begin
        execute format('insert into door (door_id, %1$I) select 1, %1$I from jsonb_to_record($1) as r (%1$I %2$s)', one ->> 'name', one ->> 'type')
          using one -> 'row';
        state := '';
        raise exception 'undo' using errcode = 'ZZ000';
      exception
        when sqlstate 'ZZ000' then null;
        when others then state := sqlstate;
      end;
      states := array_append(states, state);
    end loop;
    return states;
  end $$`;

/** Near what types take: bounds, forms, and what just misses them. */
const texts = [
  [
    '',
    ' ',
    '0',
    '1',
    '-1',
    '+1',
    ' 7 ',
    '1.0',
    '1e2',
    '1_000',
    '0x1F',
    '0b11',
    '0o17',
    '._1',
    '1__2',
    '12a',
    'NaN',
    '-inf',
    'infinity',
  ],
  [
    '32767',
    '32768',
    '-32769',
    '2147483647',
    '2147483648',
    '9223372036854775807',
    '9223372036854775808',
    '99999999999999999999',
  ],
  [
    '999.99',
    '999.994',
    '999.995',
    '1000',
    '99.95',
    '99.94',
    '-99.96',
    '1e400',
    '1e-400',
    '3.4028235e38',
    '3.5e38',
    '1e309',
    '.5',
    '5.',
  ],
  ['t', 'TRUE', 'fals', 'o', 'on', 'OFF', 'yes ', 'nope', 'true', 'null'],
  [
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    '{A0EEBC999C0B4EF8BB6D6BB9BD380A11}',
    'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1',
    '12345678901234567890123456789012',
  ],
  [
    '2024-02-29',
    '2023-02-30',
    '2024-13-01',
    '2024-00-10',
    '2024-01-32',
    '2024-1-2',
    '20240105',
    '2024-01-05T12:30:00Z',
    '2024-01-05 25:00',
    '2024-01-05T24:00:00',
    '2024-01-05 12:60',
    '2024-01-05 23:59:60',
    '2024-001',
    'Jan 5 2024',
    '5 January',
    'today',
    'now',
    'allballs',
    'epoch',
    '-infinity',
    '12:30',
    '12:30:00+02',
    '1 day',
    'P1D',
    'P1Y2M',
    '1 day ago',
    '2024-01-05 BC',
    '0044-03-15 BC',
    '0000-01-01',
    '99999-01-01',
    '2024-01-05abc',
    '24:00',
    '25:00',
    'noon',
    '2024-06-31 12',
    'J2451187',
    '2024-04-31-05',
  ],
  ['\\x', '\\xdead', '\\xDE AD', '\\xd', '\\xzz', '\\001', '\\', 'abc'],
  ['ab', 'abc', 'abcd', 'abc  ', 'añ😀', 'añ😀x', 'no', 'sad', 'Sad', 'ok '],
  [
    '{}',
    '{1,2}',
    '{1,null}',
    '{',
    '[0:1]={1,2}',
    ' {1}',
    '(1,a)',
    '(1)',
    '1,2',
    '[1,2]',
    '(1,2)',
    '[1,3)',
    'empty',
    '10.0.0.1',
    '10.0.0.1/33',
    '::1',
    '101',
    '1011',
    '{"a": 1}',
    '[',
    '"x"',
  ],
].flat();

const numbers = [
  [
    '0',
    '-0',
    '1',
    '2',
    '-1',
    '1.0',
    '1.5',
    '1e2',
    '1e-2',
    '32767',
    '32768',
    '-32768',
    '-32769',
    '2147483647',
    '2147483648',
    '-2147483649',
  ],
  [
    '9007199254740993',
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '-9223372036854775809',
    '1e30',
    '1e38',
    '3.5e38',
    '1e308',
    '1e309',
    '1e-400',
  ],
  [
    '99.9',
    '99.94',
    '99.95',
    '99.96',
    '999.99',
    '999.994',
    '999.995',
    '999.9950000000000000000000001',
    '999.9949999999999999999999999',
    '1000',
    '1000.00000000000000000001',
    '99999',
    '20240105',
    '12345678901234567890123456789012',
    '101',
  ],
].flat();

const scalarText = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...texts).map((text) => JSON.stringify(text)) },
  { weight: 4, arbitrary: fc.constantFrom(...numbers) },
  { weight: 1, arbitrary: fc.constantFrom('true', 'false', 'null') },
  {
    weight: 2,
    arbitrary: fc
      .string({ maxLength: 6, unit: fc.constantFrom(...'0123456789-+.:eE \\xaftynPTZ{}[](),_/'.split('')) })
      .map((text) => JSON.stringify(text)),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 5, unit: 'binary' }).map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: fc.date({ noInvalidDate: true }).map((date) => JSON.stringify(date)) },
  { weight: 1, arbitrary: fc.double().map((value) => JSON.stringify(value)) },
);
const arrayText = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: scalarText },
      { weight: 1, arbitrary: fc.array(scalarText, { maxLength: 2 }).map((each) => `[${each.join()}]`) },
    ),
    { maxLength: 3 },
  )
  .map((each) => `[${each.join()}]`);
const objectText = fc
  .array(fc.tuple(fc.constantFrom('x', 'name', 'z'), scalarText), { maxLength: 2 })
  .map((members) => `{${members.map(([name, value]) => `"${name}":${value}`).join()}}`);
const valueText = fc.oneof(
  { weight: 6, arbitrary: scalarText },
  { weight: 2, arbitrary: arrayText },
  { weight: 1, arbitrary: objectText },
);

test(
  'a node refuses only values that PostgreSQL refuses, and of simple types nearly all of them',
  { timeout: 60_000 },
  async () => {
    await sql(database.url, schema);
    const pool = new Database({ url: database.url, applicationName: 'row values' });
    const { tables } = await readTargets(pool, [{ table: 'door' }]);
    await pool.close();
    const table = rowTableOf(tables[0]!, tables);
    const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31);
    const given = fc
      .sample(fc.tuple(fc.constantFrom(...Object.keys(types)), valueText), { numRuns: cases, seed })
      .map(([name, value]) => ({ name, value, refusal: refusalOf(table, name, value) }))
      // What `jsonb` itself cannot store is refused before any type is asked.
      .filter(({ value }) => isStorable(value));
    const row = ({ name, value }: { name: string; value: string }) =>
      `{"name":"${name}","type":"${types[name as keyof typeof types]}","row":{"${name}":${value}}}`;
    const [answer] = await sql(database.url, 'select try_values($1::jsonb) as states', [
      `[${given.map(row).join()}]`,
    ]);
    const states = answer!['states'] as string[];
    const told = given.map((each, place) => ({ ...each, state: states[place]! }));
    const wrong = told.filter(({ refusal, state }) => refusal !== null && state === '');
    expect(wrong, `seed ${seed}`).toEqual([]);
    // Where the form of a value says all, a node leaves little to PostgreSQL.
    const simple = told.filter(({ name, state }) => simpleTypes.includes(name) && state !== '');
    const seen = simple.filter(({ refusal }) => refusal !== null);
    expect(simple.length).toBeGreaterThan(cases / 20);
    expect(seen.length, `seed ${seed}`).toBeGreaterThan(simple.length * 0.9);
  },
);

/** What the node says of the value; null: it takes it. */
function refusalOf(table: RowTable, name: string, value: string): string | null {
  try {
    const request = {
      target: 'door',
      operation: 'insert',
      body: `{"door_id":1,"${name}":${value}}`,
    } as const;
    prepareRow(request, { name: 'public.door', table }, 16, 0);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function isStorable(value: string): boolean {
  return !/\\u0000|\\ud[89a-f]/i.test(value);
}
