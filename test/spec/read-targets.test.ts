// What may be a target, what the catalog says of it, and that a deployment agrees on its targets.

import { createWriter } from 'sluice/writer';
import { agree, Database } from 'sluice/internal/store';
import { readTargets, type TableDefinition, type TargetDefinition } from 'sluice/internal/targets';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createDatabase, useDatabase } from '../support/database.ts';
import { sql } from '../support/sql.ts';

const database = useDatabase();
let pool: Database;

beforeAll(async () => {
  pool = new Database({ url: database.apiUrl, applicationName: 'read-targets' });
  await sql(
    database.url,
    `create schema "Odd.Shop";
     create type mood as enum ('sad', 'ok');
     create domain short as varchar(5) not null;
     create domain amount as numeric(10, 2) default 1;
     create table customer (id bigint primary key, name text unique);
     create table "order" (
       number integer generated always as identity, customer bigint references customer, mood mood[] default '{ok}',
       code short, price amount, doubled numeric generated always as (number * 2) stored, note char(3),
       primary key (number), constraint one_code unique (customer, code));
     create unique index cheap on "order" (price) where price < 10;
     create unique index lower_note on "order" (lower(note));
     create table "Odd.Shop"."Order Item" (b int, a int, primary key (b, a));
     create table keyed (a int not null, b int not null, unique (b, a));
     create table named (id bigint primary key, name text not null unique);
     create table no_key (id int, other int unique);
     create table late_key (id int primary key deferrable);
     create table parted (id int primary key) partition by range (id);
     create table part partition of parted for values from (0) to (10);
     create table secured (id int primary key); alter table secured enable row level security;
     create view looking as select 1 as id;
     create unlogged table careless (id int primary key)`,
  );
});

afterAll(() => pool.close());

const read = (...definitions: TargetDefinition[]): ReturnType<typeof readTargets> =>
  readTargets(pool, definitions);

describe('a table that is a target', () => {
  test('a target table is described by the catalog, to a role that has no right on it', async () => {
    const { tables, find } = await read({ table: 'order' }, { table: 'customer' });
    const [order] = tables;
    expect(find('order')).toBe(find('public.order'));
    expect(order).toMatchObject({ name: 'public.order', key: ['number'], isPartitioned: false });
    const columns = Object.fromEntries(order!.columns.map((column) => [column.name, column]));
    expect(columns).toMatchObject({
      number: { type: 'integer', baseType: 'int4', category: 'N', isNullable: false, identity: 'always' },
      customer: { type: 'bigint', isNullable: true, default: null },
      mood: { type: 'mood[]', baseType: '_mood', category: 'A', default: "'{ok}'::mood[]" },
      code: { type: 'short', baseType: 'varchar', maxLength: 5 },
      price: { type: 'amount', baseType: 'numeric', default: '1' },
      doubled: { isGenerated: true, default: null },
      note: { baseType: 'bpchar', maxLength: 3 },
    });
    expect(order!.uniques).toEqual([
      { name: 'cheap', columns: ['price'], isPartial: true, isDeferrable: false },
      { name: 'lower_note', columns: null, isPartial: false, isDeferrable: false },
      { name: 'one_code', columns: ['customer', 'code'], isPartial: false, isDeferrable: false },
      { name: 'order_pkey', columns: ['number'], isPartial: false, isDeferrable: false },
    ]);
    expect(order!.foreignKeys).toMatchObject([
      { columns: ['customer'], table: 'public.customer', referencedColumns: ['id'], match: 's' },
    ]);
  });

  test('a target table may have an odd name, a composite key, partitions or another key', async () => {
    const { tables } = await read(
      { table: 'Odd.Shop.Order Item' },
      { table: 'parted' },
      { table: 'keyed', key: ['a', 'b'] },
      { table: 'secured', rowSecurity: 'bypass' },
    );
    expect(tables).toMatchObject([
      { schema: 'Odd.Shop', table: 'Order Item', key: ['b', 'a'] },
      { name: 'public.parted', isPartitioned: true },
      { key: ['b', 'a'] },
      { hasRowSecurity: true },
    ]);
  });

  test.each<[title: string, definition: object, reason: string]>([
    ['does not exist', { table: 'nothing' }, 'table public.nothing does not exist'],
    ['has no key', { table: 'no_key' }, 'table public.no_key has no primary key'],
    [
      'has a key that is not unique',
      { table: 'order', key: ['price'] },
      'key of table public.order is not unique',
    ],
    [
      'has a key that may be null',
      { table: 'no_key', key: ['other'] },
      'has the column other, which may be null',
    ],
    ['has a key of a column it lacks', { table: 'order', key: ['nr'] }, 'names the column nr'],
    ['has a deferrable key', { table: 'late_key' }, 'is the deferrable constraint late_key_pkey'],
    ['has row-level security', { table: 'secured' }, "rowSecurity: 'bypass'"],
    ['is a partition', { table: 'part' }, 'table public.part is a partition'],
    ['is a view', { table: 'looking' }, 'public.looking is a view'],
    ['is a catalog', { table: 'pg_catalog.pg_class' }, 'pg_catalog.pg_class belongs to PostgreSQL'],
    ['is in the schema of Sluice', { table: 'sluice.intake' }, 'sluice.intake belongs to Sluice'],
    ['is unlogged', { table: 'careless' }, 'table public.careless is unlogged'],
    ['has an unknown option', { table: 'order', keys: ['number'] }, 'targets[0].keys is not an option'],
    ['has a key that is no list', { table: 'order', key: 'number' }, 'targets[0].key is not a list'],
    ['is of no kind', { tabel: 'order' }, 'targets[0] has none of table, function, settle'],
  ])('a table that %s is refused by name as a target', async (_title, definition, reason) => {
    await expect(read(definition as TableDefinition)).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining(reason) as string,
    });
  });

  test('a target table that is named twice is refused', async () => {
    await expect(read({ table: 'order' }, { table: 'public.order' })).rejects.toThrow(
      'public.order is named twice',
    );
  });
});

describe('a deployment', () => {
  const own = { lanes: 16, modelHash: 'model' };
  const writer = { ...own, targets: '' };

  test('a deployment agrees on its targets, and another process is told which differ', async () => {
    const { agreed } = await read({ table: 'order' }, { table: 'customer' });
    await agree(pool, { ...own, targets: agreed });
    await agree(pool, { ...own, targets: agreed });
    await agree(pool, own);
    await expect(agree(pool, writer)).rejects.toMatchObject({
      code: 'deployment_disagrees',
      message: expect.stringContaining('lacks the targets public.customer, public.order') as string,
    });
    const more = await read({ table: 'order' }, { table: 'parted' });
    await expect(agree(pool, { ...own, targets: more.agreed })).rejects.toThrow(
      /lacks the targets public.customer, and the deployment has not agreed on the targets public.parted: .*run `sluice targets agree`/,
    );
  });

  test('a deployment keeps no setting of a process that it refuses', async () => {
    await sql(database.url, `delete from sluice.setting where name = 'targets'`);
    const { agreed } = await read({ table: 'order' });
    await expect(agree(pool, { ...own, lanes: 7, targets: agreed })).rejects.toMatchObject({
      detail: { setting: 'lanes' },
    });
    expect(await sql(database.url, `select 1 from sluice.setting where name = 'targets'`)).toEqual([]);
    const { agreed: customers } = await read({ table: 'order' }, { table: 'customer' });
    await agree(pool, { ...own, targets: customers });
  });

  test('a deployment tells a process that its target has another key', async () => {
    const [one, other] = [await read({ table: 'named' }), await read({ table: 'named', key: ['name'] })];
    expect(one.agreed).not.toBe(other.agreed);
    await expect(agree(pool, { ...own, targets: 'public.customer table 000000000000' })).rejects.toThrow(
      'other kinds or keys of the targets public.customer',
    );
  });

  test('a deployment needs a model or targets, and may have both', async () => {
    const connectionString = database.url;
    await sql(connectionString, `delete from sluice.setting where name in ('targets', 'model_hash')`);
    await expect(createWriter({ connectionString })).rejects.toThrow('give a model, targets, or both');
    await expect(createWriter({ connectionString, targets: [{ table: 'nothing' }] })).rejects.toThrow(
      'table public.nothing does not exist',
    );
    const writer = await createWriter({ connectionString, targets: [{ table: 'customer' }] });
    await writer.stop();
    const [row] = await sql(database.url, `select value from sluice.setting where name = 'targets'`);
    expect(row!['value']).toMatch(/^public\.customer table \w{12}$/);
  });
});

test('targets are refused where Citus places the schema', async () => {
  const own = await createDatabase();
  const placed = new Database({ url: own.url, applicationName: 'read-targets' });
  onTestFinished(async () => {
    await placed.close();
    await own.drop();
  });
  await placed.run('readCitus');
  // As sql/citus.sql leaves it.
  await sql(own.url, `create function sluice.find_home() returns text language sql as 'select null::text'`);
  await expect(readTargets(placed, [])).resolves.toBeDefined();
  await expect(readTargets(placed, [{ table: 'customer' }])).rejects.toThrow('Citus places the schema');
});
