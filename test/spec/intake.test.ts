// The durable list of accepted writes: what enters it is settled once, whatever happens to those who brought it.

import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { fresh, startWorld, upsert, type World, type WorldOptions } from '../support/world.ts';

describe.each([
  { name: 'the intake', notifications: true },
  { name: 'the intake, without notifications', notifications: false },
])('$name', ({ notifications }) => {
  const database = useDatabase();
  const setup = (options: WorldOptions = {}): Promise<World> =>
    startWorld(database.url, { client: { notifications }, writer: { notifications }, ...options });

  const untilTaken = (world: World, count: number): Promise<void> =>
    eventually(async () => {
      expect(await world.sql('select count(*)::int as n from sluice.intake')).toEqual([{ n: count }]);
    });

  test('a waiting write is shown and found by its idempotency key, for its own client alone', async () => {
    const world = await setup({ writers: 0 });
    const request = { client: 'ann', idempotencyKey: 'same' };
    const { writeId } = await world.node.accept(upsert('notes', { noteId: fresh() }, request));
    expect(await world.node.readWrite('ann', writeId)).toMatchObject({ state: 'ready' });
    expect(await world.node.readWrite('bob', writeId)).toBeNull();
    expect(await world.node.readWrites('bob', [writeId])).toEqual([]);
    const other = upsert('notes', { noteId: fresh() }, { ...request, client: 'bob' });
    expect((await world.node.accept(other)).writeId).not.toBe(writeId);
  });

  test('a node keeps a write that was acknowledged by 202, even if it dies right after', async () => {
    const world = await setup({ writers: 0, client: { notifications, applicationName: 'doomed node' } });
    const [before] = await world.sql('select pg_current_wal_insert_lsn() as lsn');
    const { writeId } = await world.node.accept(upsert('notes', { noteId: fresh() }));
    // Acknowledged means flushed.
    expect(
      await world.sql('select pg_current_wal_flush_lsn() > $1::pg_lsn as flushed', [before!['lsn']]),
    ).toEqual([{ flushed: true }]);
    await world.sql(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like 'doomed node%'`,
    );

    const survivor = await world.startNode({ applicationName: 'other node' });
    expect(await survivor.readWrite('', writeId)).toMatchObject({ state: 'ready', outcome: null });
    await world.startWriter();
    await eventually(async () =>
      expect(await survivor.readWrite('', writeId)).toMatchObject({
        state: 'settled',
        outcome: { result: 'created' },
      }),
    );
  });

  test('an unsent write becomes durable once another with its key is answered by 202', async () => {
    const world = await setup({ writers: 0 });
    const request = upsert('notes', { noteId: fresh() }, { idempotencyKey: `key-${fresh()}` });
    const [before] = await world.sql('select pg_current_wal_insert_lsn() as lsn');
    const node = await world.startNode({ drainMs: 50 });
    const unanswered = node.submit(request);
    await eventually(() => expect(node.status()).resolves.toMatchObject({ waiting: 1 }));
    await untilTaken(world, 1);
    const [pending] = await world.sql('select write_id from sluice.intake');
    expect(await node.accept(request)).toEqual({ writeId: pending!['write_id'] });
    expect(
      await world.sql('select pg_current_wal_flush_lsn() > $1::pg_lsn as flushed', [before!['lsn']]),
    ).toEqual([{ flushed: true }]);
    await node.stop();
    expect(await unanswered).toMatchObject({ code: 'cancelled' });
  });

  test('the intake refuses a body that cannot be stored, and takes those that came with it', async () => {
    const world = await setup();
    const [first, poison, last] = await Promise.allSettled([
      world.submit(upsert('notes', { noteId: fresh() })),
      world.submit({
        ...upsert('notes', {}),
        body: `{"noteId": ${fresh()}, "text": "a\\u0000b"}`,
      }),
      world.submit(upsert('notes', { noteId: fresh() })),
    ]);
    expect(first).toMatchObject({ value: { result: 'created' } });
    expect(last).toMatchObject({ value: { result: 'created' } });
    expect(poison).toMatchObject({ reason: { code: 'invalid_json', detail: { path: '$' } } });
  });

  test('a write that a crash lost before its answer comes again under the same id', async () => {
    const world = await setup({ writers: 0 });
    const outcome = world.submit(upsert('notes', { noteId: fresh() }));
    await untilTaken(world, 1);
    const [lost] = await world.sql('delete from sluice.intake returning write_id');
    await untilTaken(world, 1);
    await world.startWriter();
    expect(await outcome).toMatchObject({ result: 'created', writeId: lost!['write_id'] });
  });

  test('a write that arrives twice is settled once', async () => {
    const world = await setup({ writers: 0 });
    const outcome = world.submit(upsert('notes', { noteId: fresh() }));
    await untilTaken(world, 1);
    await world.sql('create table public.twin as select * from sluice.intake');
    await world.startWriter();
    const { writeId, documentId } = await outcome;
    // The same insert once more, as a half-open connection may deliver it after all.
    await world.sql('insert into sluice.intake overriding system value select * from public.twin');
    await untilTaken(world, 0);
    await world.sql('drop table public.twin');
    expect(
      await world.sql(
        `select (select count(*)::int from sluice.outcome where write_id = $1) as outcomes,
                (select version::int from sluice.document where document_id = $2) as version`,
        [writeId, documentId],
      ),
    ).toEqual([{ outcomes: 1, version: 1 }]);
  });

  test('a node takes nothing while the database cannot be reached, and says so', async () => {
    const world = await setup({ writers: 0, client: { notifications, waitMs: 1000 } });
    await world.sql(`alter table sluice.intake rename to intake_elsewhere`);
    try {
      await expect(world.submit(upsert('notes', { noteId: fresh() }))).rejects.toMatchObject({
        code: 'database_unavailable',
      });
    } finally {
      await world.sql(`alter table sluice.intake_elsewhere rename to intake`);
    }
  });
});
