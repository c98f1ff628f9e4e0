// Clients of PostgREST against `/rest`: `@supabase/postgrest-js` as it comes, a node and a writer on a real PostgreSQL. docs/reference/rest-calls.md
// has the table of calls and answers that this file shows; UPDATE_DOCS=1 writes it.

import { PostgrestClient } from '@supabase/postgrest-js';
import { createApi, listen } from '@sluice/server/api';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createClient } from 'sluice/internal/client';
import { createWriter } from 'sluice/internal/writer';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { tableInPlace } from '../support/markdown-part.ts';
import { patient } from '../support/patient.ts';
import { createDataDir, startSluice } from '../support/sluice.ts';
import { sql } from '../support/sql.ts';

const database = useDatabase();
const targets = [
  { table: 'customer' },
  { table: 'orders' },
  { table: 'ticket' },
  { table: 'shop.Order Item' },
  { table: 'guarded' },
  { table: 'forbidden' },
  { function: 'shop.count_views', key: ['$.page'] },
];
let url: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  const role = new URL(database.writerUrl).username;
  await sql(
    database.url,
    `create schema shop;
     create type mood as enum ('sad', 'ok');
     create table customer (id bigint primary key, name text not null);
     create table orders (
       id bigint primary key, customer bigint references customer, number text unique, amount numeric(6, 2) default 1,
       note varchar(5), mood mood, twice numeric generated always as (amount * 2) stored,
       constraint amount_is_positive check (amount > 0));
     create table ticket (id bigint generated always as identity primary key, code text unique, title text default 'none');
     create table shop."Order Item" ("order id" bigint, line integer, "a,b" text, primary key ("order id", line));
     create table guarded (id integer primary key);
     create function guard() returns trigger language plpgsql as $$ begin raise exception 'a secret'; end $$;
     create trigger guard before insert on guarded for each row execute function guard();
     create table shop.page_view (page text primary key, views integer not null);
     create function shop.count_views(writes jsonb) returns table (result text, code text, answer jsonb) language plpgsql as $$
     declare w jsonb;
     begin
       for w in select value -> 'body' from jsonb_array_elements(writes) loop
         if w ->> 'page' = 'raise' then raise exception 'a secret'; end if;
         if w ->> 'page' = 'closed' then
           return query select 'refused', 'page_closed', null::jsonb;
         else
           return query insert into shop.page_view as v values (w ->> 'page', 1)
             on conflict (page) do update set views = v.views + 1
             returning 'updated', null::text, jsonb_build_object('views', v.views);
         end if;
       end loop;
     end $$;
     grant usage on schema shop to ${role};
     grant select, insert, update, delete on all tables in schema public, shop to ${role};
     grant usage on all sequences in schema public to ${role};
     create table forbidden (id integer primary key)`,
  );
  const client = createClient({ ...patient, url: database.apiUrl, targets });
  const writer = createWriter({ url: database.writerUrl, targets });
  await Promise.all([client.start(), writer.start()]);
  const api = createApi({ client });
  await listen(api, { port: 0 });
  url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  stop = async () => {
    await api.close();
    await client.stop();
    await writer.stop();
  };
});
afterAll(() => stop());

beforeEach(async () => {
  await sql(
    database.url,
    `truncate customer, orders, ticket, shop."Order Item" restart identity;
     insert into customer values (1, 'Ann'), (2, 'Bob');
     insert into orders (id, customer, number, amount) values (1, 1, 'a', 5), (2, null, 'b', 6)`,
  );
});

type Row = Record<string, unknown>;
const db = () => new PostgrestClient(`${url}/rest`);
const read = (text: string): Promise<Row[]> => sql(database.url, text);
const ids = async (): Promise<unknown[]> =>
  (await read('select id::int from orders order by id')).map(({ id }) => id);

/** A request as it is sent, for what the client would parse. */
async function send(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** A call, with what it is shown as. */
interface Call {
  call: string;
  run: (client: PostgrestClient) => PromiseLike<{
    status: number;
    data: unknown;
    error: { code: string; message: string } | null;
  }>;
  status: number;
  /** The data, or the code of the error. */
  data?: unknown;
  code?: string;
}

const order1 = { id: 1, customer: 1, number: 'a', amount: 5, note: null, mood: null, twice: 10 };
const order3 = { id: 3, customer: 1, number: null, amount: 1, note: null, mood: null, twice: 2 };

const calls: Call[] = [
  {
    call: "from('orders').insert({ id: 3, customer: 1 })",
    run: (c) => c.from('orders').insert({ id: 3, customer: 1 }),
    status: 201,
    data: null,
  },
  {
    call: "from('orders').insert({ id: 3, customer: 1 }).select()",
    run: (c) => c.from('orders').insert({ id: 3, customer: 1 }).select(),
    status: 201,
    data: [order3],
  },
  {
    call: "from('orders').insert({ id: 3 }).select('id, amount').single()",
    run: (c) => c.from('orders').insert({ id: 3 }).select('id, amount').single(),
    status: 201,
    data: { id: 3, amount: 1 },
  },
  {
    call: "from('ticket').insert({ code: 'x' }).select()",
    run: (c) => c.from('ticket').insert({ code: 'x' }).select(),
    status: 201,
    data: [{ id: 1, code: 'x', title: 'none' }],
  },
  {
    call: "from('orders').insert({ id: 1 }).select()",
    run: (c) => c.from('orders').insert({ id: 1 }).select(),
    status: 409,
    code: '23505',
  },
  {
    call: "from('orders').insert({ id: 3, customer: 9 })",
    run: (c) => c.from('orders').insert({ id: 3, customer: 9 }),
    status: 409,
    code: '23503',
  },
  {
    call: "from('orders').insert({ id: 3, amount: 0 })",
    run: (c) => c.from('orders').insert({ id: 3, amount: 0 }),
    status: 400,
    code: '23514',
  },
  {
    call: "from('customer').insert({ id: 3 })",
    run: (c) => c.from('customer').insert({ id: 3 }),
    status: 400,
    code: '23502',
  },
  {
    call: "from('orders').insert({ id: 'x' })",
    run: (c) => c.from('orders').insert({ id: 'x' }),
    status: 400,
    code: '22P02',
  },
  {
    call: "from('orders').insert({ id: 3, note: 'too long' })",
    run: (c) => c.from('orders').insert({ id: 3, note: 'too long' }),
    status: 400,
    code: '22001',
  },
  {
    call: "from('orders').insert({ id: 3, nope: 1 })",
    run: (c) => c.from('orders').insert({ id: 3, nope: 1 }),
    status: 400,
    code: 'PGRST204',
  },
  {
    call: "from('guarded').insert({ id: 1 })",
    run: (c) => c.from('guarded').insert({ id: 1 }),
    status: 400,
    code: 'P0001',
  },
  {
    call: "from('forbidden').insert({ id: 1 })",
    run: (c) => c.from('forbidden').insert({ id: 1 }),
    status: 403,
    code: '42501',
  },
  {
    call: "from('nope').insert({ id: 1 })",
    run: (c) => c.from('nope').insert({ id: 1 }),
    status: 404,
    code: 'PGRST205',
  },
  {
    call: "from('orders').insert([{ id: 3, customer: 1 }, { id: 4 }])",
    run: (c) => c.from('orders').insert([{ id: 3, customer: 1 }, { id: 4 }]),
    status: 201,
    data: null,
  },
  {
    call: "from('orders').insert([{ id: 3, customer: 1 }, { id: 4 }]).select('id, customer')",
    run: (c) =>
      c
        .from('orders')
        .insert([{ id: 3, customer: 1 }, { id: 4 }])
        .select('id, customer'),
    status: 201,
    data: [
      { id: 3, customer: 1 },
      { id: 4, customer: null },
    ],
  },
  {
    call: "from('orders').insert([{ id: 3 }, { id: 1 }]).select()",
    run: (c) =>
      c
        .from('orders')
        .insert([{ id: 3 }, { id: 1 }])
        .select(),
    status: 409,
    code: '23505',
  },
  {
    call: "from('orders').upsert({ id: 1, amount: 7 })",
    run: (c) => c.from('orders').upsert({ id: 1, amount: 7 }),
    status: 200,
    data: null,
  },
  {
    call: "from('orders').upsert({ id: 3, customer: 1 }).select()",
    run: (c) => c.from('orders').upsert({ id: 3, customer: 1 }).select(),
    status: 201,
    data: [order3],
  },
  {
    call: "from('orders').upsert([{ id: 1, amount: 7 }, { id: 3, amount: 8 }]).select('id, amount')",
    run: (c) =>
      c
        .from('orders')
        .upsert([
          { id: 1, amount: 7 },
          { id: 3, amount: 8 },
        ])
        .select('id, amount'),
    status: 201,
    data: [
      { id: 1, amount: 7 },
      { id: 3, amount: 8 },
    ],
  },
  {
    call: "from('orders').upsert({ id: 1, customer: 9 })",
    run: (c) => c.from('orders').upsert({ id: 1, customer: 9 }),
    status: 409,
    code: '23503',
  },
  {
    call: "from('ticket').upsert({ code: 'x', title: 'a' }, { onConflict: 'code' })",
    run: (c) => c.from('ticket').upsert({ code: 'x', title: 'a' }, { onConflict: 'code' }),
    status: 201,
    data: null,
  },
  {
    call: "from('orders').upsert({ id: 1, number: 'a', amount: 9 }, { onConflict: 'number' }).select('id, amount')",
    run: (c) =>
      c
        .from('orders')
        .upsert({ id: 1, number: 'a', amount: 9 }, { onConflict: 'number' })
        .select('id, amount'),
    status: 200,
    data: [{ id: 1, amount: 9 }],
  },
  {
    call: "from('orders').upsert({ id: 1, amount: 9 }, { onConflict: 'amount' })",
    run: (c) => c.from('orders').upsert({ id: 1, amount: 9 }, { onConflict: 'amount' }),
    status: 400,
    code: '42P10',
  },
  {
    call: "from('orders').upsert({ id: 1, amount: 9 }, { ignoreDuplicates: true })",
    run: (c) => c.from('orders').upsert({ id: 1, amount: 9 }, { ignoreDuplicates: true }),
    status: 201,
    data: null,
  },
  {
    call: "from('orders').upsert({ id: 1, amount: 9 }, { ignoreDuplicates: true }).select()",
    run: (c) => c.from('orders').upsert({ id: 1, amount: 9 }, { ignoreDuplicates: true }).select(),
    status: 201,
    data: [],
  },
  {
    call: "from('orders').upsert([{ id: 1 }, { id: 3 }], { ignoreDuplicates: true }).select('id')",
    run: (c) =>
      c
        .from('orders')
        .upsert([{ id: 1 }, { id: 3 }], { ignoreDuplicates: true })
        .select('id'),
    status: 201,
    data: [{ id: 3 }],
  },
  {
    call: "from('orders').update({ amount: 7 }).eq('id', 1)",
    run: (c) => c.from('orders').update({ amount: 7 }).eq('id', 1),
    status: 204,
    data: null,
  },
  {
    call: "from('orders').update({ id: 1, amount: 7 }).eq('id', 1).select('id, amount')",
    run: (c) => c.from('orders').update({ id: 1, amount: 7 }).eq('id', 1).select('id, amount'),
    status: 200,
    data: [{ id: 1, amount: 7 }],
  },
  {
    call: "from('orders').update({ id: 9, amount: 7 }).eq('id', 1)",
    run: (c) => c.from('orders').update({ id: 9, amount: 7 }).eq('id', 1),
    status: 400,
    code: '0A000',
  },
  {
    call: "from('orders').update({ amount: 5 }).eq('id', 1).select()",
    run: (c) => c.from('orders').update({ amount: 5 }).eq('id', 1).select(),
    status: 200,
    data: [order1],
  },
  {
    call: "from('orders').update({ amount: 7 }).eq('id', 9).select()",
    run: (c) => c.from('orders').update({ amount: 7 }).eq('id', 9).select(),
    status: 200,
    data: [],
  },
  {
    call: "from('orders').update({ amount: 7 }).eq('id', 9).select().single()",
    run: (c) => c.from('orders').update({ amount: 7 }).eq('id', 9).select().single(),
    status: 406,
    code: 'PGRST116',
  },
  {
    call: "from('orders').update({ amount: 7 }).eq('id', 9).select().maybeSingle()",
    run: (c) => c.from('orders').update({ amount: 7 }).eq('id', 9).select().maybeSingle(),
    status: 200,
    data: null,
  },
  {
    call: "from('orders').update({ amount: 0 }).eq('id', 1)",
    run: (c) => c.from('orders').update({ amount: 0 }).eq('id', 1),
    status: 400,
    code: '23514',
  },
  {
    call: "from('orders').update({ amount: 7 }).gt('id', 1)",
    run: (c) => c.from('orders').update({ amount: 7 }).gt('id', 1),
    status: 400,
    code: 'PGRST127',
  },
  {
    call: "from('orders').delete().eq('id', 1)",
    run: (c) => c.from('orders').delete().eq('id', 1),
    status: 204,
    data: null,
  },
  {
    call: "from('orders').delete().eq('id', 1).select()",
    run: (c) => c.from('orders').delete().eq('id', 1).select(),
    status: 200,
    data: [order1],
  },
  {
    call: "from('orders').delete().eq('id', 9).select()",
    run: (c) => c.from('orders').delete().eq('id', 9).select(),
    status: 200,
    data: [],
  },
  {
    call: "from('customer').delete().eq('id', 1)",
    run: (c) => c.from('customer').delete().eq('id', 1),
    status: 409,
    code: '23503',
  },
  {
    call: "from('orders').delete().in('id', [1, 2])",
    run: (c) => c.from('orders').delete().in('id', [1, 2]),
    status: 400,
    code: 'PGRST127',
  },
  {
    call: "from('orders').select()",
    run: (c) => c.from('orders').select(),
    status: 405,
    code: 'PGRST117',
  },
];

describe('a client of PostgREST', () => {
  const isError = ({ code }: Call): boolean => code !== undefined;

  test.each(calls.filter((call) => !isError(call)))(
    'a client of PostgREST succeeds with $call: $status',
    async ({ run, status, data }) => {
      const answer = await run(db());
      expect(answer).toMatchObject({ error: null, status });
      expect(answer.data).toEqual(data);
    },
  );

  test.each(calls.filter(isError))(
    'a client of PostgREST fails with $call: $status $code',
    async ({ run, status, code }) => {
      const before = await read('select * from orders order by id');
      const answer = await run(db());
      expect({ status: answer.status, data: answer.data }).toEqual({ status, data: null });
      expect(answer.error).toMatchObject({ code, message: expect.any(String) as string });
      expect(Object.keys(answer.error ?? {}).sort()).toEqual(['code', 'details', 'hint', 'message']);
      expect(JSON.stringify(answer.error)).not.toContain('a secret');
      expect(await read('select * from orders order by id')).toEqual(before);
    },
  );

  test('columns that an array leaves out are null, or have their default if asked for', async () => {
    await db()
      .from('orders')
      .insert([{ id: 3, amount: 4 }, { id: 4 }]);
    await db()
      .from('orders')
      .insert([{ id: 5, amount: 4 }, { id: 6 }], { defaultToNull: false });
    await db().from('orders').insert({ id: 7 });
    const rows = await read('select id::int, amount::float from orders where id > 2 order by id');
    expect(rows.map(({ amount }) => amount)).toEqual([4, null, 4, 1, 1]);
  });

  test('a client of PostgREST counts rows, and may use unusual names of schemas and columns', async () => {
    const items = () => db().schema('shop').from('Order Item');
    const inserted = await items().insert(
      [
        { 'order id': 1, line: 1 },
        { 'order id': 1, line: 2 },
      ],
      { count: 'exact' },
    );
    expect(inserted).toMatchObject({ status: 201, count: 2, error: null });
    const key = { 'order id': 1, line: 2 };
    const updated = await items().update({ 'a,b': 'x' }, { count: 'exact' }).match(key).select('"a,b"');
    expect(updated).toMatchObject({ status: 200, count: 1, data: [{ 'a,b': 'x' }] });
    expect(await items().delete({ count: 'exact' }).match(key)).toMatchObject({ status: 204, count: 1 });
    expect(await items().delete({ count: 'exact' }).match(key)).toMatchObject({ status: 204, count: 0 });
    const elsewhere = await db().schema('nope').from('orders').insert({ id: 3 });
    expect(elsewhere).toMatchObject({ status: 406, error: { code: 'PGRST106' } });
  });

  test('a client of PostgREST is bound by maxAffected, which one row by its key never exceeds', async () => {
    // oxlint-disable-next-line typescript/no-explicit-any -- the client's own default, where no schema is known
    const strict = db() as unknown as PostgrestClient<any, { PostgrestVersion: '13' }>;
    const answer = await strict
      .from('orders')
      .update({ amount: 8 })
      .eq('id', 1)
      .maxAffected(1)
      .select('amount');
    expect(answer).toMatchObject({ status: 200, data: [{ amount: 8 }] });
  });
});

describe('a request to /rest', () => {
  test('a request to /rest keeps every digit of a bigint and a numeric, in table and answer', async () => {
    const inserted = await send(
      'POST',
      '/rest/orders?select=id,amount',
      '{"id":9007199254740993,"amount":1.10}',
      {
        prefer: 'return=representation',
      },
    );
    expect(inserted).toMatchObject({ status: 201, text: '[{"id":9007199254740993,"amount":1.1}]' });
    const changed = await send('PATCH', '/rest/orders?id=eq.9007199254740993', '{"amount":2.50}', {
      prefer: 'return=representation',
    });
    expect(changed.text).toContain('"id":9007199254740993,');
    expect(await read("select amount::text from orders where id::text = '9007199254740993'")).toEqual([
      { amount: '2.50' },
    ]);
    await send('DELETE', '/rest/orders?id=eq.9007199254740993');
    expect(await ids()).toEqual([1, 2]);
  });

  test('a request to /rest gets the location of a row whose key the database gave', async () => {
    const { headers } = await send('POST', '/rest/ticket', '{"title":"x"}', {
      prefer: 'return=headers-only',
    });
    const location = headers.get('location') ?? '';
    expect(location).toBe('/rest/ticket?id=eq.1');
    expect((await send('PATCH', location, '{"title":"y"}')).status).toBe(204);
    expect(await read('select title from ticket')).toEqual([{ title: 'y' }]);
  });

  test('a PUT to /rest answers 201 for a new row, and 204 for an existing one', async () => {
    const put = (body: string, id = 3) => send('PUT', `/rest/orders?id=eq.${id}`, body);
    expect((await put('{"id":3,"amount":3}')).status).toBe(201);
    expect((await put('{"id":3,"amount":4}')).status).toBe(204);
    expect((await put('{"id":4}')).status).toBe(400);
    expect(await read('select amount::float from orders where id = 3')).toEqual([{ amount: 4 }]);
  });

  test('a request to /rest has one outcome for one idempotency key', async () => {
    const once = () =>
      send('POST', '/rest/ticket', '{"title":"once"}', {
        'idempotency-key': 'k1',
        prefer: 'return=representation',
      });
    const [first, second] = [await once(), await once()];
    expect(second).toMatchObject({ status: 201, text: first.text });
    expect(await read('select title from ticket')).toEqual([{ title: 'once' }]);
    const other = await send('POST', '/rest/ticket', '{"title":"other"}', { 'idempotency-key': 'k1' });
    expect(other.status).toBe(422);
    expect(JSON.parse(other.text)).toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('a request to /rest may be answered before its outcome, which can be read later', async () => {
    const asked = await send('POST', '/rest/ticket', '{"title":"later"}', { prefer: 'respond-async' });
    expect(asked.status).toBe(202);
    await eventually(async () => {
      const { text } = await send('GET', asked.headers.get('location') ?? '');
      expect(JSON.parse(text)).toMatchObject({
        state: 'settled',
        resource: 'public.ticket',
        outcome: { status: 201, result: 'created', key: { id: 1 } },
      });
    });
    const refused = await send('POST', '/rest/orders', '{"id":1}', { prefer: 'respond-async' });
    await eventually(async () => {
      const { text } = await send('GET', refused.headers.get('location') ?? '');
      expect(JSON.parse(text)).toMatchObject({
        outcome: { status: 409, problem: { code: 'row_exists', database: { sqlState: '23505' } } },
      });
    });
  });

  test('a request to /rest waits for a parent that comes later', async () => {
    const child = send('POST', '/rest/orders', '{"id":3,"customer":7}', { prefer: 'wait-for-references=20' });
    expect((await send('POST', '/rest/customer', '{"id":7,"name":"late"}')).status).toBe(201);
    expect((await child).status).toBe(201);
  });

  test('a request to /rest calls a function, and gets its answer', async () => {
    const count = (page: string) => db().schema('shop').rpc('count_views', { page });
    expect(await count('/')).toMatchObject({ status: 200, error: null, data: { views: 1 } });
    expect(await count('/')).toMatchObject({ status: 200, error: null, data: { views: 2 } });
    expect(await count('closed')).toMatchObject({
      status: 409,
      error: { code: 'target_refused', message: 'The target refused the write: page_closed' },
    });
    expect(await count('raise')).toMatchObject({ status: 400, error: { code: 'P0001' } });
    expect(await db().rpc('nope', {})).toMatchObject({ status: 404, error: { code: 'PGRST202' } });
    const noKey = await db().schema('shop').rpc('count_views', {});
    expect(noKey).toMatchObject({
      status: 400,
      error: { details: expect.stringContaining('$.page') as string },
    });
  });

  test('a request to /rest may be a line of a bulk request, beside others', async () => {
    const lines = [
      '{"target":"orders","row":{"id":9007199254740993,"amount":1.5}}',
      '{"target":"ticket","row":{"title":"x"},"returning":true}',
      '{"target":"orders","operation":"update","key":{"id":2},"row":{"amount":9}}',
      '{"target":"orders","operation":"delete","key":{"id":1}}',
      '{"target":"orders","row":{"id":5,"customer":99}}',
      '{"target":"orders","row":{"id":5,"nope":99}}',
    ];
    const { text } = await send('POST', '/bulk', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    const answers = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { line: number })
      .sort((one, other) => one.line - other.line);
    expect(answers).toMatchObject([
      { status: 201, result: 'created' },
      { status: 201, rows: [{ id: 1, code: null, title: 'x' }] },
      { status: 204, result: 'updated' },
      { status: 204, result: 'deleted' },
      { status: 409, problem: { code: 'unresolved_reference', database: { sqlState: '23503' } } },
      { status: 400, problem: { code: 'invalid_document', errors: [{ path: '$.nope' }] } },
    ]);
    expect(await read('select id::text from orders order by id')).toEqual([
      { id: '2' },
      { id: '9007199254740993' },
    ]);
  });

  test.each([
    ['orders', '{"id":3,"note":"too long"}'],
    ['orders', '{"id":"x"}'],
    ['orders', '{"id":9223372036854775808000}'],
    ['orders', '{"id":3,"amount":123456}'],
    ['orders', '{"id":3,"mood":"glad"}'],
    ['orders', '{"id":3,"twice":1}'],
    ['orders', '{"id":null}'],
    ['customer', '{"id":3}'],
    ['customer', '{"id":3,"name":null}'],
  ])('a POST to /rest of %s %s is refused with the SQLSTATE of PostgreSQL itself', async (table, body) => {
    const { text, status } = await send('POST', `/rest/${table}`, body);
    expect(status).toBe(400);
    const columns = Object.keys(JSON.parse(body) as Row).join(', ');
    const insert = `insert into ${table} (${columns}) select ${columns} from jsonb_populate_record(null::${table}, '${body}')`;
    const own = await read(insert).then(
      () => 'none',
      (error: unknown) => (error as { code: string }).code,
    );
    expect(JSON.parse(text)).toMatchObject({ code: own });
  });
});

describe('sluice api and sluice writer', () => {
  test(
    'sluice api and writer take tables by variable or file, and then need no model',
    { timeout: 60_000 },
    async () => {
      const file = join(await createDataDir(), 'sluice.config.json');
      await writeFile(file, JSON.stringify({ targets }));
      const common = { SLUICE_LOG_LEVEL: 'error' };
      const node = startSluice(['api', '--port', '0', '--config', file], {
        ...common,
        DATABASE_URL: database.apiUrl,
      });
      const writer = startSluice(['writer', '--config', file], {
        ...common,
        DATABASE_URL: database.writerUrl,
      });
      const [ready] = await Promise.all([node.event('ready'), writer.event('ready')]);
      const client = new PostgrestClient(`${String(ready['url'])}/rest`);
      expect(await client.from('orders').insert({ id: 3 }).select('id')).toMatchObject({
        status: 201,
        data: [{ id: 3 }],
      });
      for (const each of [node, writer]) each.kill('SIGTERM');
      expect(await node.ended).toMatchObject({ code: 0 });
      expect(await writer.ended).toMatchObject({ code: 0 });
    },
  );

  test('sluice api and writer say what is missing where there is neither a model nor a table', async () => {
    const { code, stderr } = await startSluice(['writer'], { DATABASE_URL: database.writerUrl }).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('give --model or SLUICE_MODEL, or name a table by --table or SLUICE_TABLE');
  });
});

test('docs/reference/rest-calls.md has the table of calls', async () => {
  const lines = calls.map(({ call, status, data, code }) => [
    `\`${call}\``,
    status,
    code === undefined ? `\`${JSON.stringify(data)}\`` : `error \`${code}\``,
  ]);
  const { text, expected } = await tableInPlace(
    'calls',
    ['call', 'status', 'answer'],
    lines,
    'docs/reference/rest-calls.md',
  );
  expect(text).toBe(expected);
});
