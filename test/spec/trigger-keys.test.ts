// Rows that are stored under another key than that of their bodies: a trigger writes an address in lower case, or a column
// rounds or cuts the default of a part of the key.

import { Session } from 'sluice/internal/store';
import { readTargets } from 'sluice/internal/targets';
import { expect, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { fates, useRowLeaders } from '../support/row-leaders.ts';

const database = useDatabase();
const leaders = useRowLeaders(
  database,
  ['account', 'other', 'parted', 'rounded', 'seconds', 'cut'].map((table) => ({ table })),
  `
  create table other (id integer primary key);
  create table account (email text primary key, n integer);
  create function lower_email() returns trigger language plpgsql as $$ begin
    if new.n = -1 then return null; end if;
    new.email := lower(new.email); return new; end $$;
  create trigger lowered before insert or update on account for each row execute function lower_email();
  create table parted (email text, n integer, primary key (email, n)) partition by list (n);
  create table part partition of parted for values in (1);
  create trigger lowered before insert on part for each row execute function lower_email();
  create domain short as varchar(3);
  create table rounded (id integer, at timestamp(3) default clock_timestamp(), n numeric(8, 2) default 7.005,
    primary key (id, at, n));
  create table seconds (id integer, at timestamptz(0) default now(), primary key (id, at));
  create table cut (id integer, code varchar(3) default 'abc  ', label short default 'xyz ', primary key (id, code, label))`,
);
const { make, settle, rows } = leaders;

const stored = () => rows('select email, n from account order by email');

test('an array is refused as a whole if a trigger gives one of its rows the key of another row', async () => {
  await settle([make('account', 'insert', { email: 'a@x', n: 0 })]);
  const array = make('account', 'insert', [
    { email: 'A@x', n: 1 },
    { email: 'K@x', n: 2 },
  ]);
  const writes = [array, make('other', 'insert', { id: 1 }), make('account', 'insert', { email: 'z@x' })];
  expect(fates(writes, await settle(writes))).toEqual(['row_exists', 'created', 'created']);
  expect(await stored()).toEqual([
    { email: 'a@x', n: 0 },
    { email: 'z@x', n: null },
  ]);
});

test('the answer has the row and the key that a trigger has made, and tells whether the row is new', async () => {
  const told = async (operation: 'insert' | 'upsert', ...bodies: (object | object[])[]) => {
    const writes = bodies.map((body) => make('account', operation, body as never, { isReturning: true }));
    const { outcomes } = await settle(writes);
    return writes.map(({ writeId }) => {
      const { result, detail } = outcomes.find(({ outcome }) => outcome.writeId === writeId)!.outcome;
      return [result, detail?.key ?? null, detail?.rowTexts];
    });
  };
  const row = (email: string, n: number): string => `{"email":"${email}","n":${n}}`;
  expect(await told('insert', { email: 'B@x', n: 1 }, { email: 'c@x', n: 2 })).toEqual([
    ['created', { email: 'b@x' }, [row('b@x', 1)]],
    ['created', null, [row('c@x', 2)]],
  ]);
  expect(await told('upsert', { email: 'B@x', n: 3 })).toEqual([
    ['updated', { email: 'b@x' }, [row('b@x', 3)]],
  ]);
  const array = [
    { email: 'D@x', n: 4 },
    { email: 'e@x', n: 5 },
  ];
  expect(await told('insert', array)).toEqual([['created', null, [row('d@x', 4), row('e@x', 5)]]]);
  expect(await told('upsert', array.slice(0, 1))).toEqual([['updated', null, [row('d@x', 4)]]]);
});

test('rows of an array come back in its order, whatever key a trigger gives them', async () => {
  const emails = ['b@x', 'C@x', 'a@x', 'D@x'];
  for (const [operation, result] of [
    ['insert', 'created'],
    ['upsert', 'updated'],
  ] as const) {
    const array = make(
      'account',
      operation,
      emails.map((email, n) => ({ email, n })),
      { isReturning: true },
    );
    const { outcomes } = await settle([array]);
    const [answer] = outcomes.map(({ outcome }) => outcome);
    expect(answer?.result).toBe(result);
    expect(answer?.detail?.rowTexts).toEqual(
      emails.map((email, n) => `{"email":"${email.toLowerCase()}","n":${n}}`),
    );
  }
});

test('PostgreSQL sends each returned row once', async () => {
  const sent: string[] = [];
  const query = vi.spyOn(leaders.low, 'query').mockImplementation(async (...given) => {
    const answer = await Session.prototype.query.apply(leaders.low, given);
    sent.push(JSON.stringify(answer));
    return answer;
  });
  try {
    const settled = async (...bodies: (object | object[])[]) => {
      sent.length = 0;
      await settle(bodies.map((body) => make('account', 'insert', body as never, { isReturning: true })));
      return ['i@x', 'j@x'].map((email) => sent.join('').split(`:\\"${email}`).length - 1);
    };
    const [first, second] = ['i@x', 'j@x'].map((email) => ({ email }));
    expect(await settled(first!, second!)).toEqual([1, 1]);
    await rows('delete from account');
    expect(await settled([first!, second!])).toEqual([1, 1]);
    await rows('delete from account');
    expect(await settled(first!)).toEqual([1, 0]);
  } finally {
    query.mockRestore();
  }
});

test('an upsert that ignores existing rows is told whether its own row was written', async () => {
  const writes = ['F@x', 'f@x'].map((email, n) =>
    make('account', 'upsert', { email, n }, { ignoresExisting: true }),
  );
  expect(fates(writes, await settle(writes))).toEqual(['created', 'unchanged']);
  expect(await stored()).toEqual([{ email: 'f@x', n: 0 }]);
});

test('rows that a trigger keeps out leave the batch of an upsert that ignores existing rows in one transaction', async () => {
  await settle([make('account', 'insert', { email: '8@x', n: 0 })]);
  const writes = Array.from({ length: 10 }, (_, at) =>
    make('account', 'upsert', { email: `${at}@x`, n: at < 3 ? -1 : at }, { ignoresExisting: true }),
  );
  const report = await settle(writes);
  const kept = [0, 1, 2, 8];
  expect(fates(writes, report)).toEqual(writes.map((_, at) => (kept.includes(at) ? 'unchanged' : 'created')));
  expect((await stored()).map(({ email }) => email as string)).toEqual(
    [3, 4, 5, 6, 7, 8, 9].map((at) => `${at}@x`),
  );
  expect(report.transactions).toBe(1);
});

test('a trigger of a partition may change the key, too', async () => {
  const told = async (operation: 'insert' | 'upsert', body: object) => {
    const write = make('parted', operation, body as never);
    return fates([write], await settle([write]))[0];
  };
  expect(await told('insert', [{ email: 'A@x', n: 1 }])).toBe('created');
  expect(await told('insert', [{ email: 'a@x', n: 1 }])).toBe('row_exists');
  expect(await told('upsert', { email: 'B@x', n: 1 })).toBe('created');
  expect(await told('upsert', { email: 'B@x', n: 1 })).toBe('updated');
});

test('a row is stored once if its column rounds or cuts the default of a part of the key', async () => {
  for (const table of ['rounded', 'seconds', 'cut']) {
    const writes = [1, 2, 3].map((id) => make(table, id === 3 ? 'upsert' : 'insert', { id }));
    const array = make(table, 'insert', [{ id: 4 }, { id: 5 }]);
    const { outcomes, errors } = await settle([...writes, array]);
    // Before it is stored, only a rounded value is known.
    expect(errors.length > 0).toBe(table === 'cut');
    expect(outcomes.map(({ outcome }) => outcome.code ?? outcome.result)).toEqual(Array(4).fill('created'));
    const stored = await rows(`select id, to_jsonb(t) as row from ${table} t order by id`);
    expect(stored.map(({ id }) => id as number)).toEqual([1, 2, 3, 4, 5]);
    for (const { outcome } of outcomes.filter(({ outcome: { writeId } }) => writeId !== array.writeId)) {
      const key = outcome.detail?.key;
      expect(stored.find(({ id }) => id === key?.['id'])?.['row']).toEqual(key);
    }
  }
});

test('tables are read while another session has locked a partition', async () => {
  const session = await Session.open({
    url: database.writerUrl,
    applicationName: 'reader of tables',
    settings: { lock_timeout: '200ms' },
  });
  try {
    await rows('begin');
    await rows('lock table part in access exclusive mode');
    const { tables } = await readTargets(session, [{ table: 'parted' }]);
    expect(tables[0]?.hasBeforeInsert).toBe(true);
  } finally {
    await rows('rollback');
    await session.close();
  }
});
