// Nodes that commit writes themselves wait for others' locks no longer than a leader does, and hold their own no longer:
// what meets a limit is answered, and nothing was applied.

import { setTimeout as pause } from 'node:timers/promises';
import { defineProjection, type Projection } from 'sluice/internal/batch';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstOrAll, isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection, sql } from '../support/sql.ts';
import {
  fresh,
  freshIn,
  startWorld,
  untilShared,
  upsert,
  type World,
  type WorldOptions,
} from '../support/world.ts';

const database = useDatabase();
const timeout = 60_000;

/** The same for all, as a deployment agrees on its projections. */
let apply: Projection['apply'] = () => Promise.resolve();
const projections = [
  defineProjection({
    name: 'watch',
    resources: ['test/notes'],
    apply: (changes, transaction) => apply(changes, transaction),
  }),
];
const worldOf = (options: WorldOptions): Promise<World> => {
  onTestFinished(() => void (apply = () => Promise.resolve()));
  return startWorld(database.url, {
    ...options,
    client: { projections, ...options.client },
    writer: { projections },
  });
};

/** Sessions of the node that are inside of a transaction. */
const openTransactions = (): Promise<unknown[]> =>
  sql(
    database.url,
    `select state from pg_stat_activity
     where datname = current_database() and application_name = 'sluice node' and xact_start is not null`,
  );

describe.each(firstOrAll<'direct' | 'local'>(['direct', 'local']))('in %s mode', (mode) => {
  test('a session that settles has the limits of the settings', { timeout }, async () => {
    let limits: unknown;
    apply = async (_, transaction) => {
      limits = await transaction.query(
        `select name, setting::int from pg_settings where name = any($1) order by name`,
        [['idle_in_transaction_session_timeout', 'lock_timeout', 'transaction_timeout']],
      );
    };
    const { node } = await worldOf({ writers: 0, client: { mode } });
    await node.submit(upsert('notes', { noteId: fresh() }));
    const names = (limits as { name: string }[]).map(({ name }) => name);
    const expected: Record<string, number> = {
      idle_in_transaction_session_timeout: 2000,
      lock_timeout: 1000,
      // Of PostgreSQL 17 and later.
      ...(names.includes('transaction_timeout') ? { transaction_timeout: 20_000 } : {}),
    };
    expect(limits).toEqual(Object.entries(expected).map(([name, setting]) => ({ name, setting })));
  });

  test(
    'a write whose document somebody else has locked is answered at the end of its wait: not applied',
    { timeout },
    async () => {
      const { node } = await worldOf({ writers: 0, client: { mode } });
      const noteId = fresh();
      const { documentId } = await node.submit(upsert('notes', { noteId }));
      const holder = await openConnection(database.url);
      await holder.query('begin');
      await holder.query('select from sluice.document where document_id = $1 for update', [documentId]);
      const locked = node.submit(upsert('notes', { noteId, text: 'x' }), { waitMs: 1500 });
      // Others go on, and not only once that is over.
      expect(await node.submit(upsert('notes', { noteId: fresh() }))).toMatchObject({ result: 'created' });
      expect(await locked).toMatchObject({ result: 'not_applied' });
      expect(await openTransactions()).toEqual([]);
      await holder.query('rollback');
      expect(await node.submit(upsert('notes', { noteId, text: 'x' }))).toMatchObject({
        result: 'updated',
        version: 2,
      });
    },
  );

  test(
    'a session that was silent in its transaction is replaced, and its write applied once',
    { timeout },
    async () => {
      let tries = 0;
      apply = async () => {
        if (++tries === 1) await pause(3000);
      };
      const { node } = await worldOf({ writers: 0, client: { mode } });
      const { documentId, ...outcome } = await node.submit(upsert('notes', { noteId: fresh() }));
      expect(outcome).toMatchObject({ result: 'created', version: 1 });
      expect(tries).toBe(2);
      expect(
        await sql(database.url, 'select version::int from sluice.document where document_id = $1', [
          documentId,
        ]),
      ).toEqual([{ version: 1 }]);
      expect((await node.status()).writesRefused).toBe(null);
    },
  );
});

test.runIf(isWide)('a bypass waits no longer for locks of other programs, either', { timeout }, async () => {
  const world = await worldOf({
    client: { onOverload: 'bypass', highWaterMs: 200, waitMs: 1500 },
  });
  await untilShared(world.writers);
  const noteId = fresh();
  const { documentId } = await world.node.submit(upsert('notes', { noteId }));
  const release = await world.holdLanes([...Array(16).keys()]);
  // One that waits in each lane, so that those behind it go round.
  const noteIn = (lane: number) =>
    upsert('notes', { noteId: freshIn([lane], (id) => upsert('notes', { noteId: id })) });
  await Promise.all(Array.from({ length: 16 }, (_, lane) => world.node.accept(noteIn(lane))));
  await eventually(async () => expect((await world.node.status()).lanesOverloaded).toHaveLength(16));
  const holder = await openConnection(database.url);
  await holder.query('begin');
  await holder.query('select from sluice.document where document_id = $1 for update', [documentId]);
  // The lanes are held as well, so that not even the cancellation can be noted.
  const answer = world.node.submit(upsert('notes', { noteId, text: 'x' }));
  await expect(answer).rejects.toMatchObject({ code: 'cancelled' });
  await holder.query('rollback');
  await release();
});
