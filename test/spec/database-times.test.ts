// Time zone and order of dates of a database: a row gets the times that it would get without Sluice.

import pg from 'pg';
import { createClient, type Client } from 'sluice';
import type { HandlerDefinition } from 'sluice/internal/targets';
import { createWriter } from 'sluice/writer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
let other: pg.Client;
let client: Client;
let stop: () => Promise<void>;

const events: HandlerDefinition = {
  name: 'events',
  key: ['$.id'],
  async settle({ writes, query }) {
    const bodies = writes.map(({ text }) => text);
    await query(
      `insert into visit (id, at, day) select (b ->> 'id')::integer, (b ->> 'at')::timestamptz, (b ->> 'day')::date from unnest($1::jsonb[]) b`,
      [bodies],
    );
    return writes.map(() => ({ result: 'created' }));
  },
};

beforeAll(async () => {
  const setup = new pg.Client(database.url);
  await setup.connect();
  // No hour of the day is the same there and in UTC.
  await setup.query(`
    alter database ${database.name} set timezone = 'Asia/Kathmandu';
    alter database ${database.name} set datestyle = 'German, DMY';
    alter database ${database.name} set intervalstyle = 'sql_standard';
    create table visit (
      id integer primary key, at timestamptz, day date, zone text default current_setting('timezone'),
      made timestamp default now(), checked text, span interval, later date);
    create function note_zone() returns trigger language plpgsql as $$ begin
      update visit set checked = current_setting('timezone') where id = new.id; return null; end $$;
    create constraint trigger noted after insert on visit deferrable initially deferred
      for each row execute function note_zone();
    create function add_visits(writes jsonb) returns setof integer language plpgsql as $$ begin
      insert into visit (id, at, day) select (b ->> 'id')::integer, (b ->> 'at')::timestamptz, (b ->> 'day')::date
      from jsonb_array_elements(writes) w cross join lateral (select w.value -> 'body' as b) body;
      return query select 1 from jsonb_array_elements(writes); end $$;
    grant all on visit to public`);
  await setup.end();
  other = new pg.Client(database.url);
  await other.connect();
  const targets = [{ table: 'visit' }, { function: 'public.add_visits', key: ['$.id'] }, events];
  const writer = await createWriter({ connectionString: database.writerUrl, targets });
  client = await createClient({ connectionString: database.apiUrl, targets });
  stop = async () => {
    await client.stop();
    await writer.stop();
    await other.end();
  };
});

afterAll(() => stop());

test('a table, a function and a handler store the times that the database would store', async () => {
  const given = { at: '2024-01-01 12:00', day: '05/02/24' };
  await other.query('insert into visit (id, at, day) values (0, $1, $2)', [given.at, given.day]);
  await client.table('visit').insert({ id: 1, ...given });
  await client.target('public.add_visits').submit({ id: 2, ...given });
  await client.target('events').submit({ id: 3, ...given });
  const { rows } = await other.query(
    `select id, at = '2024-01-01 12:00+05:45' and day = date '2024-02-05' and abs(extract(epoch from made - localtimestamp)) < 600 as same,
       zone, checked from visit order by id`,
  );
  const same = { same: true, zone: 'Asia/Kathmandu', checked: 'Asia/Kathmandu' };
  expect(rows).toEqual([0, 1, 2, 3].map((id) => ({ id, ...same })));
});

test('a refusal names the column that the database refuses, whose dates have another order', async () => {
  const refused = client.table('visit').insert({ id: 4, day: '25/02/30', later: '12/25/24' });
  await expect(refused).rejects.toMatchObject({
    code: 'row_invalid',
    detail: { database: { column: 'later' } },
  });
});

test('an interval is read and answered in the style of postgres, in a database with another style', async () => {
  const { rows } = await client.table('visit').insert({ id: 5, span: '-1 2:03:04' }, { returning: true });
  expect(rows).toMatchObject([{ span: '-1 days +02:03:04' }]);
});
