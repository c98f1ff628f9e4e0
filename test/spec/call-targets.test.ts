// Functions of the database and handlers of the program as targets, through real nodes and a real writer.

import { createClient, type SluiceClient } from 'sluice/internal/client';
import type { Outcome } from 'sluice/internal/protocol';
import { createWriter } from 'sluice/internal/writer';
import type { HandlerResult, RowRequest, TargetDefinition } from 'sluice/internal/targets';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { patient } from '../support/patient.ts';
import { execute, nodeUrl, roleUrl } from '../support/postgres.ts';
import { openConnection, sql } from '../support/sql.ts';

const database = useDatabase();

const tables = `
  create schema app;
  create table app.page_view (page text primary key, views bigint not null);
  create table app.event (id bigint generated always as identity primary key, device text not null, reading numeric not null);
  create table app.checked (n integer check (n < 100));
  create function app.count_views(writes jsonb) returns table (answer bigint) language plpgsql as $$
  begin
    insert into app.page_view as v
      select w ->> 'page', count(*) from (select value -> 'body' as w from jsonb_array_elements(writes)) x
      group by 1 order by 1
    on conflict (page) do update set views = v.views + excluded.views;
    return query select v.views from jsonb_array_elements(writes) with ordinality w (value, place)
      join app.page_view v on v.page = w.value -> 'body' ->> 'page' order by w.place;
  end $$;
  create function app.judge(writes jsonb) returns table (result text, code text, answer jsonb) language plpgsql as $$
  declare w jsonb;
  begin
    for w in select value from jsonb_array_elements(writes) loop
      if w -> 'body' ? 'raise' then raise exception 'a secret'; end if;
      if w -> 'body' ? 'violate' then insert into app.checked values (100); end if;
      if w -> 'body' ? 'divide' then perform pg_sleep(0), 1 / (w -> 'body' ->> 'divide')::int; end if;
      continue when w -> 'body' ? 'silent';
      if w -> 'body' ? 'refuse' then return query select 'refused', 'too_late', w -> 'body' -> 'refuse';
      else return query select 'created', null::text, jsonb_build_object('text', (w -> 'body' -> 'exact')::text); end if;
    end loop;
  end $$;
  create function app.not_a_set(writes jsonb) returns integer language sql as 'select 1';
  create procedure app.a_procedure(writes jsonb) language sql as 'select 1';
  create function app.of_void(writes jsonb) returns setof void language sql as 'select 1';
  create function app.two_forms(writes jsonb) returns setof integer language sql as 'select 1';
  create function app.two_forms(writes jsonb, n integer default 1) returns setof integer language sql as 'select 1'`;

interface Event {
  device: string;
  reading: number;
}

/** What the handler saw, by device. */
const seen: Record<string, number[]> = {};

const definitions: TargetDefinition[] = [
  { function: 'app.count_views', key: ['$.page'] },
  { function: 'app.judge', key: ['$.id'] },
  {
    name: 'events',
    key: ['$.device'],
    async settle({ writes, query }) {
      for (const { body } of writes) {
        const { device, reading, run, values, fail, wrong } = body as Event & {
          run?: string;
          values?: unknown[];
          fail?: boolean;
          wrong?: boolean;
        };
        if (fail !== undefined) throw new Error('a secret');
        if (wrong !== undefined) return [];
        if (run !== undefined) await query(run, values);
        (seen[device] ??= []).push(reading);
      }
      const rows = await query(
        `insert into app.event (device, reading) select w ->> 'device', (w ->> 'reading')::numeric
         from unnest($1::jsonb[]) with ordinality as t (w, place) order by place returning id`,
        [writes.map(({ text }) => text)],
      );
      const results = rows.map(({ id }): HandlerResult => ({ result: 'created', answer: { id } }));
      if (writes.some(({ body }) => (body as { more?: boolean }).more)) return [...results, ...results];
      return writes.map(({ body }, place) => {
        const { odd } = body as { odd?: HandlerResult['result'] };
        return odd === undefined ? results[place]! : ({ result: odd } as HandlerResult);
      });
    },
  },
];

let writer: ReturnType<typeof createWriter>;
let node: SluiceClient;
let direct: SluiceClient;

beforeAll(async () => {
  await execute(database.url, tables);
  const role = new URL(database.writerUrl).username;
  await execute(
    database.url,
    `grant usage on schema app to ${role}; grant all on all tables in schema app to ${role};
     grant all on all sequences in schema app to ${role}`,
  );
  writer = createWriter({ url: roleUrl(database.url, 'writer'), targets: definitions });
  node = createClient({ url: nodeUrl(database.url, {}), targets: definitions, ...patient });
  const mode = 'direct' as const;
  direct = createClient({ url: nodeUrl(database.url, { mode }), mode, targets: definitions, ...patient });
  await Promise.all([writer.start(), node.start(), direct.start()]);
});

afterAll(async () => {
  await Promise.all([node.stop(), direct.stop()]);
  await writer.stop();
});

const write = (target: string, body: object | string, more: Partial<RowRequest> = {}): RowRequest => ({
  target,
  operation: 'insert',
  body: typeof body === 'string' ? body : JSON.stringify(body),
  ...more,
});
const submit = (...request: Parameters<typeof write>): Promise<Outcome> => node.submitRow(write(...request));

/** Submits all of them so that one batch finds them together. */
async function together(requests: readonly RowRequest[]): Promise<Outcome[]> {
  await execute(database.url, `update sluice.lane set paused_at = clock_timestamp(), paused_by = 'test'`);
  const submitted = requests.map((request) => node.submitRow(request));
  const waiting = async (): Promise<number> => {
    const [row] = await sql(database.url, 'select count(*)::int as n from sluice.intake');
    return row!['n'] as number;
  };
  await expect.poll(waiting).toBe(requests.length);
  await execute(database.url, 'update sluice.lane set paused_at = null, paused_by = null');
  return Promise.all(submitted);
}

describe('a function target', () => {
  test('a function target counts 64 concurrent increments of a row once each, and answers each', async () => {
    const outcomes = await together(
      Array.from({ length: 64 }, () => write('app.count_views', { page: '/' })),
    );
    expect(outcomes.every(({ result }) => result === 'updated')).toBe(true);
    const [row] = await sql(database.url, `select views::int as views from app.page_view where page = '/'`);
    expect(row).toEqual({ views: 64 });
    expect(Math.max(...outcomes.map(({ detail }) => Number(detail?.answerText)))).toBe(64);
  });

  test('a function target refuses a single write with its own code and answer', async () => {
    const outcomes = await together([
      write('app.judge', { id: 1 }),
      write('app.judge', { id: 2, refuse: { until: '12:00' } }),
      write('app.judge', { id: 3 }),
      write('app.judge', { id: 4 }),
    ]);
    expect(outcomes).toMatchObject([
      { result: 'created' },
      {
        result: 'refused',
        code: 'target_refused',
        detail: { reason: 'too_late', answerText: '{"until": "12:00"}' },
      },
      { result: 'created' },
      { result: 'created' },
    ]);
  });

  test('only the write for which a function raises or meets a constraint is refused, without its text', async () => {
    const outcomes = await together([
      write('app.judge', { id: 1 }),
      write('app.judge', { id: 2, raise: true }),
      write('app.judge', { id: 3, violate: true }),
      write('app.judge', { id: 4, divide: 0 }),
      write('app.judge', { id: 5 }),
    ]);
    const database = (sqlState: string, constraint: string | null) => ({
      result: 'refused',
      code: 'target_refused',
      detail: { database: { sqlState, constraint, ...(constraint === null ? {} : { table: 'checked' }) } },
    });
    expect(outcomes).toMatchObject([
      { result: 'created' },
      database('P0001', null),
      database('23514', 'checked_n_check'),
      database('22012', null),
      { result: 'created' },
    ]);
    expect(JSON.stringify(outcomes)).not.toContain('secret');
  });

  test('only the write for which a function returns no row becomes a dead letter', async () => {
    const outcomes = await together([
      write('app.judge', { id: 1 }),
      write('app.judge', { id: 2, silent: true }),
      write('app.judge', { id: 3 }),
    ]);
    expect(outcomes.map(({ code, result }) => code ?? result)).toEqual(['created', 'dead_letter', 'created']);
  });

  test('a function target gets every digit of a number, from the intake and from the memory of a node', async () => {
    const body = '{"id": 7, "exact": 9007199254740993.10}';
    for (const client of [node, direct]) {
      const outcome = await client.submitRow(write('app.judge', body));
      expect(outcome.detail).toEqual({ answerText: '{"text": "9007199254740993.10"}' });
    }
  });

  test('a second write of an idempotency key gets the answer that the function gave to the first', async () => {
    const more = { idempotencyKey: 'once' };
    const [first, second] = [
      await submit('app.count_views', { page: 'key' }, more),
      await submit('app.count_views', { page: 'key' }, more),
    ];
    expect(second).toEqual(first);
    await expect(submit('app.count_views', { page: 'other' }, more)).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
  });

  test.each([
    ['app.nothing', 'function app.nothing(jsonb) does not exist in this database'],
    ['app.not_a_set', 'function app.not_a_set(jsonb) does not return a set'],
    ['app.a_procedure', 'app.a_procedure(jsonb) is a procedure or an aggregate'],
    ['app.of_void', 'function app.of_void(jsonb) returns void'],
    ['app.two_forms', 'function app.two_forms(jsonb) has another form'],
  ])('a process does not start with a function that does not fit: %s', async (name, message) => {
    const stranger = createWriter({
      url: roleUrl(database.url, 'writer'),
      targets: [...definitions, { function: name, key: ['$.id'] }],
    });
    await expect(stranger.start()).rejects.toThrow(message);
    await stranger.stop();
  });
});

describe('a handler target', () => {
  test('a handler target gets the writes of one key in their order of arrival, and answers each', async () => {
    const readings = Array.from({ length: 40 }, (_, reading) => reading);
    const outcomes = await together(readings.map((reading) => write('events', { device: 'a', reading })));
    expect(
      outcomes.every(({ result, detail }) => result === 'created' && detail?.answerText !== undefined),
    ).toBe(true);
    expect(seen['a']).toEqual(readings);
    const rows = await sql(
      database.url,
      `select reading::int as reading from app.event where device = 'a' order by id`,
    );
    expect(rows.map(({ reading }) => reading)).toEqual(readings);
  });

  test.each([
    ['throws', { fail: true }],
    ['returns another number of results', { wrong: true }],
    ['returns more results than writes', { more: true }],
    ['returns a result that is none', { odd: 'made' }, 'handler events'],
    ['commits', { run: 'commit' }],
    ['commits behind a comment', { run: '/* it is */ -- so\n commit' }],
    ['commits behind a comment with another one', { run: '/* it /* is */ so */ commit' }],
    ['commits behind a carriage return', { run: '-- so\rcommit' }],
    ['commits behind many comments', { run: `${'/**/'.repeat(20_000)}commit` }],
    ['sends more values than its statement has', { run: 'select $1::integer', values: [1, 2] }, '08P01'],
    [
      'sends two statements in one',
      { run: `insert into app.event (device, reading) values ('x', 1); commit` },
    ],
    ['changes the session', { run: 'set search_path = app' }],
    ['listens', { run: 'listen x' }],
  ])('only the write for which a handler %s becomes a dead letter', async (_, extra, ...[code]: string[]) => {
    const outcomes = await together([
      write('events', { device: 'b', reading: 1 }),
      write('events', { device: 'c', reading: 2, ...extra }),
      write('events', { device: 'd', reading: 3 }),
    ]);
    expect(outcomes.map(({ code, result }) => code ?? result)).toEqual(['created', 'dead_letter', 'created']);
    const letters = `select error ->> 'code' as code from sluice.dead_letter where write_id = $1`;
    const [letter] = await sql(database.url, letters, [outcomes[1]!.writeId]);
    expect(letter).toMatchObject(code === undefined ? {} : { code });
    const rows = await sql(
      database.url,
      `select count(*)::int as n from app.event where device in ('c', 'x')`,
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  test('an array of a handler has the type that PostgreSQL infers from its statement', async () => {
    const id = '6b0c2d4e-0000-4000-8000-000000000001';
    for (const [run, value] of [
      [`select where '${id}'::uuid = any($1) and cardinality($1::text[]) > 0`, id],
      [`select where array['a']::varchar[] = $1 and cardinality($1::text[]) > 0`, 'a'],
      [`select where array['{}']::json[]::text = $1::text and cardinality($1::jsonb[]) > 0`, '{}'],
    ] as const)
      expect(await submit('events', { device: 'array', reading: 1, run, values: [[value]] })).toMatchObject({
        result: 'created',
      });
  });

  test('a handler target commits in one transaction with functions of its batch', async () => {
    const holder = await openConnection(database.url);
    await holder.query(`begin; select from app.page_view where page = '/' for update`);
    const counted = submit('app.count_views', { page: '/' });
    const own = submit('events', { device: 'e', reading: 1 });
    // The row that is locked holds up its own write alone.
    expect((await own).result).toBe('created');
    await holder.query('rollback');
    expect((await counted).result).toBe('updated');
  });
});
