// `sluice targets`: what is configured, what is agreed on, what the catalog says, and which rights writers lack.

import { applyRoles, Database, roleName } from 'sluice/internal/store';
import { changeTargets, listTargets, runDoctor } from 'sluice/operator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { targetLines } from '../../packages/server/src/cli/operate/target-lines.ts';
import { useDatabase } from '../support/database.ts';
import { execute, rolePrefix } from '../support/postgres.ts';
import { readSluice, startSluice } from '../support/sluice.ts';
import { sql } from '../support/sql.ts';

const database = useDatabase();
const role = roleName('writer', rolePrefix);
const settings = () => ({ DATABASE_URL: database.url, SLUICE_ROLE_PREFIX: rolePrefix });
const order = { table: 'shop.order' };
let pool: Database;

/** What the command says to people. */
const read = async (definitions: { table: string }[] = [], ofRole = role): Promise<string> =>
  targetLines(await listTargets(pool, definitions, ofRole)).join('\n');

beforeAll(async () => {
  pool = new Database({ url: database.url, connectionsMax: 1, applicationName: 'test' });
  await applyRoles({ url: database.url, prefix: rolePrefix });
  await execute(
    database.url,
    `create schema shop;
     create table shop."Customer" (id integer primary key, name text);
     create table shop.order (
       id bigint generated always as identity primary key, code text not null unique, total numeric(10,2) default 0,
       customer integer references shop."Customer", number serial, twice numeric generated always as (total * 2) stored);
     create function shop.touch() returns trigger language plpgsql as 'begin return new; end';
     create trigger touch before insert on shop.order for each row execute function shop.touch();
     alter table shop."Customer" enable row level security`,
  );
});

afterAll(() => pool.close());

test('sluice targets lists the catalog, differences to the agreement, and missing rights of the writers', async () => {
  const { code, text } = await readSluice(
    ['targets', '--table', 'shop.order', '--table', 'shop.Customer'],
    settings(),
  );
  expect(code).toBe(1);
  expect(text).toContain('shop.order: table, key (id); configured, not agreed on');
  for (const part of [
    'columns       id bigint not null identity always',
    '  code text not null\n',
    '  total numeric(10,2) default\n',
    '  twice numeric generated\n',
    'order_code_key (code)',
    'order_customer_fkey (customer) to shop.Customer (id), a target: rows wait for it',
    'triggers      touch',
    `${role} lacks usage on schema shop`,
    `${role} lacks insert on shop."order"`,
    `${role} lacks usage on sequence shop.order_id_seq`,
    `${role} lacks usage on sequence shop.order_number_seq`,
    "Cannot use the targets: table shop.Customer has row-level security, whose policies cannot see the client of a write: set rowSecurity: 'bypass'",
    'sluice targets agree',
  ])
    expect(text).toContain(part);
});

test('sluice targets finds no right missing once all are granted, also by columns, and names an unknown role', async () => {
  await execute(
    database.url,
    `grant usage on schema shop to ${role};
     grant select, delete on shop.order to ${role};
     grant insert (id, code, total, customer, number, twice), update on shop.order to ${role};
     grant usage on shop.order_id_seq to ${role}; grant update on shop.order_number_seq to ${role}`,
  );
  expect(await listTargets(pool, [order], role)).toMatchObject({
    roleExists: true,
    targets: [{ name: 'shop.order', agreed: 'no', missingRights: [] }],
  });
  expect(await read([order], 'nobody_of_this_name')).toContain(
    'No role nobody_of_this_name exists: run `sluice roles`',
  );
});

test('sluice targets agree changes the agreed targets, and leaves a row in the audit', async () => {
  const nothing = await startSluice(['targets', 'agree'], settings()).ended;
  expect(nothing).toMatchObject({ code: 2 });
  expect(nothing.stderr).toContain('name a table by --table');
  const agreed = () => sql(database.url, `select value from sluice.setting where name = 'targets'`);
  expect(await startSluice(['targets', 'agree', '--table', 'shop.order'], settings()).ended).toMatchObject({
    code: 0,
    last: { role, roleExists: true, targets: [{ name: 'shop.order', agreed: 'yes', missingRights: [] }] },
  });
  expect((await agreed())[0]!['value']).toMatch(/^shop\.order table \w{12}$/);
  // Configured nowhere: what is agreed on is shown all the same.
  expect(await read()).toContain('shop.order: table, key (id); agreed on, not configured here');
  await sql(
    database.url,
    `update sluice.setting set value = 'shop.order table 000000000000' where name = 'targets'`,
  );
  expect(await read([order])).toContain('the deployment has agreed on another kind or key');
  await changeTargets(pool, [], 'test');
  expect(await read()).toBe('No targets are configured, and the deployment has agreed on none');
  expect(await agreed()).toEqual([]);
  expect(await sql(database.url, 'select action from sluice.audit')).toEqual([
    { action: 'agree on targets' },
    { action: 'agree on targets' },
  ]);
});

test('a role without the right to change the agreement is told so', async () => {
  const asWriter = new Database({
    url: database.writerUrl,
    connectionsMax: 1,
    applicationName: 'test',
  });
  await expect(changeTargets(asWriter, [order], 'test')).rejects.toThrow('42501');
  await asWriter.close();
});

test('sluice doctor reports agreed targets that writers cannot write, as sluice targets does', async () => {
  const check = async (): Promise<unknown> =>
    (await runDoctor(pool, { writerRole: role })).findings.find((each) => each.check === 'targets');
  await execute(database.url, 'create table shop.seen (id integer primary key)');
  await changeTargets(pool, [{ table: 'shop.seen' }], 'alice');
  const says = `${role} lacks rights for: shop.seen`;
  expect(await check()).toMatchObject({ verdict: 'warning', says });
  const other = (await runDoctor(pool, { writerRole: 'no_such_role' })).findings;
  expect(other).toContainEqual(
    expect.objectContaining({
      check: 'targets',
      verdict: 'warning',
      says: 'The rights of writers on the targets were not checked: there is no role no_such_role',
    }),
  );
  await execute(database.url, `grant select, insert, update, delete on shop.seen to ${role}`);
  expect(await check()).toMatchObject({ verdict: 'ok', says: 'Writers can use all targets' });
  await execute(database.url, 'drop table shop.seen');
  expect(await check()).toMatchObject({ verdict: 'fault', says: 'These cannot be targets: shop.seen' });
  await changeTargets(pool, [], 'alice');
  expect(await check()).toMatchObject({ verdict: 'ok', says: 'No targets are agreed on' });
});
