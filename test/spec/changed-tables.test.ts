// Tables that another program changes while writes to them are under way: the next write sees the change.

import pg from 'pg';
import { intakeOrigin, memoryOrigin, settleBatch, settleOptions, tableTargets } from 'sluice/internal/batch';
import { Session } from 'sluice/internal/store';
import { readTargets } from 'sluice/internal/targets';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model } from '../support/model.ts';
import { insertIntake, rowWrite, type RowBody, type RowWriteOptions } from '../support/row-write.ts';

const database = useDatabase();
const definitions = [{ table: 'owner' }, { table: 'account' }];
let session: Session;
let other: pg.Client;
let terms: Map<number, number>;

beforeAll(async () => {
  session = await Session.open({ url: database.writerUrl, applicationName: 'changed tables' });
  other = new pg.Client(database.url);
  await other.connect();
  await other.query('insert into sluice.lane (lane) select generate_series(0, 15)');
  const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  terms = new Map(rows.map(({ lane, term }) => [lane, Number(term)]));
});

afterAll(async () => {
  await session.close();
  await other.end();
});

beforeEach(async () => {
  const role = new URL(database.writerUrl).username;
  await other.query(`drop table if exists account, owner, old_owner, change cascade;
    truncate sluice.intake, sluice.awaited, sluice.dead_letter;
    create table owner (id integer primary key);
    create table account (id integer primary key, owner integer, amount numeric(10, 2), at timestamp, note text, kept text default 'old', code text unique);
    create table change (id integer);
    grant all on owner, account, change to ${role}`);
});

describe.each([
  ['from the memory of a node', false],
  ['from the intake', true],
])('%s,', (_title, isIntake) => {
  /** One process, which has written to the table before. */
  async function setup(): Promise<(bodies: RowBody[], more?: RowWriteOptions) => Promise<string[]>> {
    const options = {
      ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
      targets: tableTargets(definitions),
    };
    const catalogs = (await readTargets(session, definitions)).tables;
    const table = catalogs.find(({ name }) => name === 'public.account')!;
    const write = async (bodies: RowBody[], more: RowWriteOptions = {}): Promise<string[]> => {
      const writes = bodies.map((body) => rowWrite(table, 'upsert', body, { tables: catalogs, ...more }));
      if (isIntake) await insertIntake(session, writes);
      const origin = isIntake ? intakeOrigin(terms, 100) : memoryOrigin(writes);
      const { outcomes, blocked } = await settleBatch(session, origin, options);
      const fates = new Map([
        ...outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? outcome.result] as const),
        ...blocked.map((each) => [each.write.writeId, 'blocked'] as const),
      ]);
      return writes.map(({ writeId }) => fates.get(writeId) ?? 'nothing');
    };
    const form = { id: 0, owner: 1, amount: 1, at: '2024-01-01', note: '' };
    expect(await write([form])).toEqual(['created']);
    expect(await write([form])).toEqual(['updated']);
    return write;
  }

  const read = async (columns: string): Promise<unknown> =>
    (
      await other.query<{ row: unknown }>(
        `select to_jsonb(t) as row from (select ${columns} from account where id = 1) t`,
      )
    ).rows[0]?.row;
  const row = { id: 1, owner: 1, amount: 1.2345, at: '2024-01-01T00:00:00+05:00', note: '' };

  test('a column that has become wider keeps each digit and the zone of the next write', async () => {
    const write = await setup();
    await other.query(
      `alter table account alter amount type numeric(10, 4), alter at type timestamptz using at at time zone 'UTC'`,
    );
    expect(await write([row])).toEqual(['created']);
    expect(await read(`amount::text, (at at time zone 'UTC')::text as at`)).toEqual({
      amount: '1.2345',
      at: '2023-12-31 19:00:00',
    });
  });

  test('a write waits for its parent as soon as a foreign key is there', async () => {
    const write = await setup();
    await other.query(
      `insert into owner values (1); alter table account add constraint of_owner foreign key (owner) references owner`,
    );
    expect(await write([{ ...row, owner: 2 }])).toEqual(['unresolved_reference']);
    const referenceDeadline = new Date(Date.now() + 60_000).toISOString();
    const waiting = await write([{ ...row, owner: 3 }], { write: { referenceDeadline } });
    expect(waiting).toEqual(['blocked']);
  });

  test('a trigger sees each of several writes to one row as soon as it is there', async () => {
    const write = await setup();
    await other.query(`create or replace function note_change() returns trigger language plpgsql as $$ begin
        insert into change values (new.id); return new; end $$;
      create trigger noted after insert or update on account for each row execute function note_change()`);
    expect(await write([row, row])).toEqual(['created', 'updated']);
    expect((await other.query('select id from change')).rows).toEqual([{ id: 1 }, { id: 1 }]);
  });

  test('a default that was changed is that of the next write', async () => {
    const write = await setup();
    await write([{ id: 2, kept: 'given' }]);
    await other.query(`alter table account alter kept set default 'new'`);
    expect(await write([{ id: 1, note: '' }])).toEqual(['created']);
    expect(await read('kept')).toEqual({ kept: 'new' });
  });

  test('a child refers to the parent of its foreign key, and not to a new table of that name', async () => {
    await other.query(
      `insert into owner values (1); alter table account add constraint of_owner foreign key (owner) references owner`,
    );
    const write = await setup();
    const role = new URL(database.writerUrl).username;
    await other.query(`alter table owner rename to old_owner; create table owner (id integer primary key);
      grant all on owner to ${role}`);
    expect(await write([row])).toEqual(['created']);
    expect(await write([{ ...row, id: 2, owner: 2 }])).toEqual(['unresolved_reference']);
  });

  test('a table of the same name in another schema of the same name is another table', async () => {
    const role = new URL(database.writerUrl).username;
    const write = await setup();
    await other.query(`alter schema public rename to old_public; create schema public; grant all on schema public to ${role};
      create table public.account (id integer primary key, owner integer, amount numeric(10, 4), at timestamp, note text);
      grant all on public.account to ${role}`);
    try {
      expect(await write([row])).toEqual(['created']);
      expect(await read('amount::text')).toEqual({ amount: '1.2345' });
    } finally {
      await other.query('drop schema public cascade; alter schema old_public rename to public');
    }
  });

  test('an upsert by a constraint of which it gives no column inserts its row, or keeps the one that it meets', async () => {
    const write = await setup();
    const byCode = { onConflict: ['code'], columns: [] };
    const role = new URL(database.writerUrl).username;
    await other.query(`alter table account alter id add generated by default as identity (start 10);
      grant usage on all sequences in schema public to ${role}`);
    expect(await write([{}], byCode)).toEqual(['created']);
    await other.query(`alter table account alter code set default 'same'`);
    expect(await write([{}], byCode)).toEqual(['created']);
    expect(await write([{}], byCode)).toEqual(['updated']);
    const { rows } = await other.query('select code, kept from account where id >= 10 order by id');
    expect(rows).toEqual([
      { code: null, kept: 'old' },
      { code: 'same', kept: 'old' },
    ]);
  });

  test('a column whose new collation finds texts equal meets each of them once', async () => {
    const write = await setup();
    await other.query(`create collation if not exists anycase
      (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      alter table account alter code type text collate anycase`);
    const [first, second] = [
      { id: 1, code: 'x' },
      { id: 2, code: 'X' },
    ];
    // The second is left for the next batch.
    expect(await write([first, second], { onConflict: ['code'] })).toEqual(['created', 'nothing']);
  });

  test('row-level security that is switched on hides no row from the answer', async () => {
    const write = await setup();
    await other.query('alter table account enable row level security');
    expect(await write([{ id: 0, note: 'x' }])).not.toContain('created');
  });
});
