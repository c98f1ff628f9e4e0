// Writes in a transaction of the caller's (an outbox): what holds at once, what waits for the commit, and what bounds the
// transaction.

import pg from 'pg';
import { createClient, type Client, type SluiceError } from 'sluice';
import { createWriter } from 'sluice/writer';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { sql } from '../support/sql.ts';
import { fresh } from '../support/world.ts';

const database = useDatabase();
const model = {
  project: 'Shop',
  resources: [{ name: 'Order', endpoint: 'shop/orders', identity: ['$.number'] }],
};
type Orders = { 'shop/orders': { number: number; by?: string } };

let sluice: Client<Orders>;
let writer: Awaited<ReturnType<typeof createWriter>>;

beforeAll(async () => {
  writer = await createWriter({ connectionString: database.writerUrl, model });
  sluice = await createClient<Orders>({ connectionString: database.apiUrl, model });
});
afterAll(async () => {
  await sluice.stop();
  await writer.stop();
});

/** A connection of a caller's, inside a transaction. */
async function begin(): Promise<pg.Client> {
  const caller = new pg.Client(database.apiUrl);
  await caller.connect();
  caller.on('error', () => {});
  onTestFinished(() => caller.end());
  await caller.query('begin');
  return caller;
}

const order = (number = fresh(), by = 'caller') =>
  ({ endpoint: 'shop/orders', document: { number, by } }) as const;

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => expect.unreachable('it was taken'),
    (error: unknown) => (error as SluiceError).code,
  );

/** Sessions that have written to the intake in a transaction that is still open. */
const writing = async (): Promise<number> => {
  const [row] = await sql(
    database.url,
    `select count(*)::int as count from pg_locks
     where relation = 'sluice.intake'::regclass and mode = 'RowExclusiveLock'`,
  );
  return row?.['count'] as number;
};

describe('a write in a transaction of the caller', () => {
  test('a write in a transaction of the caller is checked when added, and ordered at the commit', async () => {
    const caller = await begin();
    const nameless = { endpoint: 'shop/orders', document: {} as never } as const;
    expect(await codeOf(sluice.submit(nameless, { client: caller }))).toBe('invalid_document');
    const number = fresh();
    const submitted = await sluice.submit(order(number), { client: caller });
    // Another write of the same document does not wait for the transaction.
    const { id, version } = await sluice.upsert('shop/orders', { number, by: 'another' });
    expect(version).toBe(1);
    await caller.query('commit');
    expect(await submitted.answer()).toMatchObject({ id, result: 'updated', version: 2 });
    expect(await sluice.get('shop/orders', id)).toEqual({ number, by: 'caller' });
  });

  test('a caller’s session that the server ends at its limit frees the low-water mark of each lane', async () => {
    const caller = await begin();
    const ended = new Promise((resolve) => caller.once('end', resolve));
    await sluice.submit(order(), { client: caller, transactionMs: 0 });
    expect(await writing()).toBe(1);
    const submitted = await sluice.submit(order(), { client: caller, transactionMs: 200 });
    await ended;
    await eventually(async () => expect(await writing()).toBe(0));
    expect(await codeOf(submitted.answer({ waitMs: 100 }))).toBe('write_not_found');
  });

  test('a write in a caller’s transaction keeps shorter limits, and all limits after it', async () => {
    const limitsOf = async (caller: pg.Client): Promise<Record<string, string>> => {
      const { rows } = await caller.query<{ name: string; setting: string }>(
        `select name, setting from pg_settings
         where name in ('transaction_timeout', 'idle_in_transaction_session_timeout')`,
      );
      return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    };
    const caller = await begin();
    const before = await limitsOf(caller);
    await sluice.submit(order(), { client: caller });
    const limit = Object.fromEntries(Object.keys(before).map((name) => [name, '20000']));
    expect(await limitsOf(caller)).toEqual(limit);
    await caller.query(`set local idle_in_transaction_session_timeout = '5s'`);
    await sluice.submit(order(), { client: caller, transactionMs: 10_000 });
    const shorter = Object.fromEntries(Object.keys(before).map((name) => [name, '10000']));
    expect(await limitsOf(caller)).toEqual({ ...shorter, idle_in_transaction_session_timeout: '5000' });
    await caller.query('commit');
    expect(await limitsOf(caller)).toEqual(before);
    await caller.query('begin');
    await sluice.submit(order(), { client: caller, transactionMs: 0 });
    expect(await limitsOf(caller)).toEqual(before);
    await caller.query('rollback');
  });

  test('a limit of a caller’s transaction that is no number of milliseconds is refused', async () => {
    const caller = await begin();
    for (const transactionMs of [-1, 1.5, NaN])
      expect(await codeOf(sluice.submit(order(), { client: caller, transactionMs }))).toBe('invalid_request');
  });
});
