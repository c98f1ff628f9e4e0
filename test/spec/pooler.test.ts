// A pooler in transaction mode: found at the start, refused for ownership by locks, and without a setting of Sluice on
// the sessions of other clients.

import { detectPooler } from 'sluice/internal/store';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy } from '../support/proxy.ts';
import { openConnection } from '../support/sql.ts';
import { startTransactionPooler, type TransactionPooler } from '../support/transaction-pooler.ts';
import { enrolment, fresh, startWorld, untilShared, update, upsert } from '../support/world.ts';

interface PreparedStatement {
  generic: number;
  custom: number;
}

/** Statements with names like this one that the sessions of a pooler have prepared, and how often each was planned how. */
async function preparedOf(pooler: TransactionPooler, part: string): Promise<PreparedStatement[]> {
  const found: PreparedStatement[] = [];
  // All of its sessions at the same time.
  const clients = await Promise.all(
    Array.from({ length: pooler.sessions }, () => openConnection(pooler.url)),
  );
  await Promise.all(clients.map((client) => client.query('begin')));
  for (const client of clients) {
    const { rows } = await client.query<PreparedStatement>(
      `select generic_plans::int as generic, custom_plans::int as custom from pg_prepared_statements
       where name ~ '${part}'`,
    );
    found.push(...rows);
  }
  await Promise.all(clients.map((client) => client.query('rollback')));
  await Promise.all(clients.map((client) => client.end()));
  return found;
}

const note = (): ReturnType<typeof upsert> => upsert('notes', { noteId: fresh() });

describe('a pooler in transaction mode', () => {
  const database = useDatabase();

  test('a pooler in transaction mode is told from a direct connection, and from a proxy', async () => {
    const applicationName = 'probe';
    const pooler = await startTransactionPooler(database.url);
    const proxy = await startProxy(database.url);
    expect(await detectPooler({ url: pooler.url, applicationName })).toBe(true);
    expect(await detectPooler({ url: database.url, applicationName })).toBe(false);
    expect(await detectPooler({ url: proxy.url, applicationName })).toBe(false);
  });

  test('a pooler in transaction mode is told from one in session mode, even with one server session', async () => {
    const applicationName = 'probe';
    const told = async (sessionsMax: number, holdsSessions: boolean): Promise<boolean> => {
      const { url } = await startTransactionPooler(database.url, sessionsMax, { holdsSessions });
      return detectPooler({ url, applicationName });
    };
    expect(await told(8, true)).toBe(false);
    expect(await told(1, true)).toBe(false);
    expect(await told(1, false)).toBe(true);
    expect(await told(2, false)).toBe(true);
  });

  test('a writer that leads by locks refuses a pooler in transaction mode, and says what to do', async () => {
    const pooler = await startTransactionPooler(database.url);
    const world = await startWorld(database.url, { writers: 0 });
    await expect(world.startWriter({ url: pooler.url })).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('--ownership lease') as string,
    });
    await world.sql(`delete from sluice.setting where name = 'ownership'`);
  });

  test.each(['coordinated', 'local', 'direct'] as const)(
    'a pooler in transaction mode serves nodes in %s mode and writers that lead by leases',
    { timeout: 60_000 },
    async (mode) => {
      const pooler = await startTransactionPooler(database.url);
      const world = await startWorld(pooler.url, {
        writers: mode === 'coordinated' ? 2 : 0,
        client: { mode },
        writer: { ownership: 'lease' },
      });
      if (mode === 'coordinated') await untilShared(world.writers);
      // Nobody hears anything through it, and nobody takes that for a failure.
      expect((await world.node.status()).isListening).toBe(false);
      const outcomes = await Promise.all(Array.from({ length: 100 }, () => world.submit(note())));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ result: 'created' });
      const noteId = fresh();
      const { documentId } = await world.submit(upsert('notes', { noteId }));
      expect(await world.submit(update('notes', documentId!, { noteId, text: 'b' }))).toMatchObject({
        result: 'updated',
      });
      expect(await world.submit(upsert('enrolments', enrolment(fresh(), fresh())))).toMatchObject({
        result: 'refused',
        code: 'unresolved_reference',
      });
      // Fewer sessions than clients: they have been shared.
      expect(pooler.sessions).toBeLessThanOrEqual(8);
    },
  );

  const preparedThrough = async (
    keepsStatements: boolean,
  ): Promise<(part: string) => Promise<PreparedStatement[]>> => {
    const pooler = await startTransactionPooler(database.url, 4, { keepsStatements });
    const world = await startWorld(pooler.url, { writer: { ownership: 'lease' } });
    for (let count = 0; count < 12; count++)
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
    await world.node.stop();
    await world.writers[0]!.stop();
    return (part) => preparedOf(pooler, part);
  };

  test('a pooler that keeps prepared statements gets each under its name, planned once for a session', async () => {
    const prepared = await preparedThrough(true);
    const plans = await prepared('settleWrites');
    expect(plans.map(({ custom }) => custom)).toEqual(plans.map(() => 0));
    expect(Math.max(...plans.map(({ generic }) => generic))).toBeGreaterThan(1);
  });

  test('a pooler that keeps no prepared statements gets statements without names', async () => {
    const prepared = await preparedThrough(false);
    expect(await prepared('settleWrites')).toEqual([]);
    // Nor those that were only to find out.
    expect(await prepared('probe')).toEqual([]);
  });

  test('a pooler keeps no setting of Sluice', { timeout: 60_000 }, async () => {
    const pooler = await startTransactionPooler(database.url, 4);
    const world = await startWorld(pooler.url, { writer: { ownership: 'lease' } });
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => world.submit(note())));
    expect(outcomes).toHaveLength(50);
    const { writeId } = await world.node.accept(note());
    await eventually(async () =>
      expect(await world.node.readWrite('', writeId)).toMatchObject({ state: 'settled' }),
    );
    await world.node.stop();
    await world.writers[0]!.stop();
    // All of its sessions at the same time.
    const others = await Promise.all(
      Array.from({ length: pooler.sessions }, () => openConnection(pooler.url)),
    );
    await Promise.all(others.map((other) => other.query('begin')));
    for (const other of others) {
      const { rows } = await other.query(
        `select name, setting from pg_settings where source = 'session' and name not in ('application_name', 'client_encoding', 'DateStyle', 'TimeZone')`,
      );
      expect(rows).toEqual([]);
    }
    await Promise.all(others.map((other) => other.query('rollback')));
  });
});
