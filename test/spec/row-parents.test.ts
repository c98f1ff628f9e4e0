// Rows that refer to rows: a row whose parent was accepted before it is never refused for its absence.

import type { Write } from 'sluice/internal/protocol';
import type { Session } from 'sluice/internal/store';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { fates, isAny, isHigh, isLow, useRowLeaders } from '../support/row-leaders.ts';
import { rolePrefix } from '../support/postgres.ts';
import { insertIntake } from '../support/row-write.ts';

const leaders = useRowLeaders(
  useDatabase(),
  ['parent', 'child', 'item', 'line', 'ticket', 'drift', 'chain', 'padded', 'loose', 'rate', 'stay'].map(
    (table) => ({ table }),
  ),
  `
  create table parent (id integer primary key);
  create table child (id integer primary key, one integer references parent, two integer references parent);
  create table item (tenant integer default 1, id integer, primary key (tenant, id));
  create table line (
    tenant integer default 1, id integer, item integer, n integer,
    primary key (tenant, id), foreign key (tenant, item) references item);
  create table ticket (
    id integer primary key, n integer, tenant integer default 1, item integer default 7,
    foreign key (tenant, item) references item);
  create sequence numbers start 1000;
  grant usage on sequence numbers to ${rolePrefix}_writer;
  create table drift (id integer primary key, n integer, one integer default nextval('numbers') references parent);
  create table chain (id integer primary key default nextval('numbers') references parent, n integer);
  create table padded (code char(4) primary key);
  create table loose (id integer primary key, code text references padded);
  create table rate (room int4range, during int4range, primary key (room, during));
  create table stay (id integer primary key, room int4range, during int4range);
  do $$ begin
    if current_setting('server_version_num')::integer < 180000 then return; end if;
    execute 'alter table rate drop constraint rate_pkey, add primary key (room, during without overlaps)';
    execute 'alter table stay add constraint is_rated foreign key (room, period during) references rate (room, period during)';
  end $$`,
);
const { make, lead, settle, rows } = leaders;

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
      await insertIntake(leaders.low, [parent!.write, child]);
      beforeLook(leaders.low, async (look) => (look === 1 ? lead(leaders.high, isHigh) : null));
      const report = await lead(leaders.low, isLow);
      expect([fates([child], report), report.errors]).toEqual([['created'], []]);
      expect(await rows('select one from child where one is not null')).toEqual([{ one: parent!.id }]);
    },
  );

  test('an update is applied if its parent is committed during its batch', async () => {
    const [parent] = parents(1);
    const child = inLow((id) => make('child', 'update', { id, one: parent!.id }));
    const { id } = JSON.parse(child.body!) as { id: number };
    await rows('insert into child values ($1)', [id]);
    await insertIntake(leaders.low, [parent!.write, child]);
    beforeLook(leaders.low, async (look) => (look === 1 ? lead(leaders.high, isHigh) : null));
    expect(fates([child], await lead(leaders.low, isLow))).toEqual(['updated']);
  });

  test('a child waits for its second parent after the first was committed during its batch', async () => {
    const [first, second] = parents(2);
    const child = inLow((id) => make('child', 'insert', { id, one: first!.id, two: second!.id }));
    await insertIntake(leaders.low, [first!.write, second!.write, child]);
    await rows('update sluice.intake set blocked_at = now(), was_blocked = true where write_id = $1', [
      second!.write.writeId,
    ]);
    beforeLook(leaders.low, async (look) => (look === 1 ? lead(leaders.high, isHigh) : null));
    expect(fates([child], await lead(leaders.low, isLow))).toEqual(['blocked']);
    expect(await rows('select awaited_id from sluice.awaited')).toEqual([
      { awaited_id: second!.write.referentialId },
    ]);
  });

  test('a child without a parent is refused after one more statement, and its neighbours after none', async () => {
    const neighbours = [1, 2].map((id) => make('child', 'insert', { id: 900 + id }));
    const orphans = [1, 2].map((id) => make('child', 'insert', { id, one: 777 }));
    const countOf = async (writes: Write[]): Promise<[number, string[]]> => {
      const query = vi.spyOn(leaders.low, 'query');
      const report = await settle(writes);
      const count = query.mock.calls.length;
      query.mockRestore();
      return [count, fates(writes, report)];
    };
    expect(await countOf(neighbours)).toEqual([1, ['created', 'created']]);
    expect(await countOf(orphans)).toEqual([2, ['unresolved_reference', 'unresolved_reference']]);
  });
});

describe('a row that leaves a part of its foreign key to its key or to a default', () => {
  const writes: [string, () => Write][] = [
    ['an update of a part of its foreign key', () => make('line', 'update', { tenant: 1, id: 1, item: 7 })],
    ['an insert without one column of its foreign key', () => make('ticket', 'insert', { id: 1, item: 7 })],
    ['an insert without its foreign key', () => make('ticket', 'insert', { id: 1 })],
    [
      'an upsert that ignores existing rows, without its foreign key,',
      () => make('ticket', 'upsert', { id: 1 }, { ignoresExisting: true }),
    ],
    [
      'an array with a row without its foreign key',
      () => make('ticket', 'insert', [{ id: 1 }, { id: 2, tenant: 1, item: 7 }]),
    ],
  ];
  test.each(writes)('%s waits for its parent in the intake, and is refused without one', async (_, write) => {
    await rows('insert into line values (1, 1)');
    const [refused, waiting] = [write(), write()];
    const alone = await settle([refused]);
    expect(fates([refused], alone)).toEqual(['unresolved_reference']);
    await insertIntake(leaders.low, [make('item', 'insert', { tenant: 1, id: 7 })]);
    const report = await settle([waiting]);
    expect(fates([waiting], report)).toEqual(['blocked']);
    await lead(leaders.low, isAny);
    const after = await settle([waiting]);
    expect(fates([waiting], after)).toEqual([waiting.operation === 'update' ? 'updated' : 'created']);
  });

  const drifting: [string, () => Write][] = [
    ['a foreign key', () => make('drift', 'insert', { id: 1 })],
    ['a foreign key in an array', () => make('drift', 'insert', [{ id: 1 }, { id: 2, one: null }])],
    ['a key that is a foreign key', () => make('chain', 'insert', { n: 1 })],
  ];
  test.each(drifting)(
    'a row whose default gives another value each time to %s is refused after a few tries',
    async (_, write) => {
      await rows(`select setval('numbers', 1000)`);
      const [orphan, neighbour] = [write(), make('child', 'insert', { id: 1 })];
      const report = await settle([orphan, neighbour]);
      expect(fates([orphan, neighbour], report)).toEqual(['unresolved_reference', 'created']);
      const [{ tries }] = (await rows(`select nextval('numbers') - 1001 as tries`)) as [{ tries: string }];
      expect(Number(tries)).toBeLessThan(10);
    },
  );

  test('a row that exists is told so before its missing parent, also if a default gives a part of its key', async () => {
    await rows('insert into line values (1, 4)');
    const write = make('line', 'insert', { id: 4, item: 99 });
    const { outcomes } = await settle([write]);
    expect(outcomes[0]!.outcome).toMatchObject({
      code: 'row_exists',
      detail: { database: { constraint: 'line_pkey' } },
    });
  });

  test('an upsert of an existing row needs no parent for a default that it does not set', async () => {
    await rows('insert into ticket values (1, 0, null, null)');
    const write = make('ticket', 'upsert', { id: 1, n: 5 });
    expect(fates([write], await settle([write]))).toEqual(['updated']);
  });
});

test('a text that refers to a char column may have other spaces at the end', async () => {
  await settle([make('padded', 'insert', { code: 'ab' })]);
  const writes = ['ab', 'ab ', 'ab     ', 'abc'].map((code, id) => make('loose', 'insert', { id, code }));
  const told = fates(writes, await settle(writes));
  expect(told).toEqual(['created', 'created', 'created', 'unresolved_reference']);
});

test('a PERIOD may be covered by several parents, which PostgreSQL looks for', async ({ skip }) => {
  const [server] = await rows(`select current_setting('server_version_num')::integer as version`);
  if (server!['version'] < 180000) skip('PERIOD needs PostgreSQL 18');
  const rates = ['[1,5)', '[5,9)'].map((during) => make('rate', 'insert', { room: '[1,2)', during }));
  const stays = ['[2,4)', '[2,8)', '[1,5)', '[2,10)'].map((during, id) =>
    make('stay', 'insert', { id, room: '[1,2)', during }),
  );
  const told = fates([...rates, ...stays], await settle([...rates, ...stays]));
  expect(told).toEqual([
    ...rates.map(() => 'created'),
    'created',
    'created',
    'created',
    'unresolved_reference',
  ]);
  expect(await rows('select id from stay order by id')).toEqual([{ id: 0 }, { id: 1 }, { id: 2 }]);
});
