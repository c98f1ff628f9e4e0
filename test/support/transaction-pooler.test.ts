// The pooler of the tests does what PgBouncer does when a client or a session of the server goes.

import { describe, expect, test } from 'vitest';
import { useDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import { openConnection, sql } from './sql.ts';
import { startTransactionPooler } from './transaction-pooler.ts';

describe('the pooler of the tests', () => {
  const database = useDatabase();
  const readPid = 'select pg_backend_pid() as pid, pg_current_xact_id_if_assigned()::text as transaction';

  test('the pooler of the tests ends a session whose client leaves in a transaction', async () => {
    const { url } = await startTransactionPooler(database.url, 1);
    const first = await openConnection(url);
    await first.query('begin; select pg_current_xact_id()');
    const waiting = await openConnection(url);
    const answer = waiting.query<{ pid: number; transaction: string | null }>(readPid);
    await first.end();
    expect((await answer).rows[0]?.transaction).toBeNull();
  });

  test('the pooler of the tests tells a client that its session has ended, and serves the next one', async () => {
    const pooler = await startTransactionPooler(database.url, 1);
    const { url } = pooler;
    const first = await openConnection(url);
    await first.query('begin');
    const { rows } = await first.query<{ pid: number }>(readPid);
    const waiting = await openConnection(url);
    const answer = waiting.query<{ pid: number }>(readPid);
    const ended = new Promise((resolve) => first.once('end', resolve));
    await sql(database.url, 'select pg_terminate_backend($1, 5000)', [rows[0]!.pid]);
    await ended;
    await expect(first.query('select')).rejects.toBeInstanceOf(Error);
    expect((await answer).rows[0]?.pid).not.toBe(rows[0]!.pid);
    // An idle session that ends is not lent again.
    await sql(database.url, 'select pg_terminate_backend($1, 5000)', [(await answer).rows[0]!.pid]);
    await eventually(() => expect(pooler.sessions).toBe(0));
    expect((await (await openConnection(url)).query('select')).rowCount).toBe(1);
  });
});
