// More than the deployment takes, or nobody to drain it: said at once, before anything is inserted, and only of the lanes
// that it is true of.

import type { SluiceClient } from 'sluice/internal/client';
import type { Outcome } from 'sluice/internal/protocol';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection } from '../support/sql.ts';
import {
  fresh,
  freshIn,
  laneOfWrite,
  startWorld,
  untilShared,
  upsert,
  type World,
} from '../support/world.ts';

const note = (noteId: number = fresh()): ReturnType<typeof upsert> => upsert('notes', { noteId });
const noteIn = (lane: number): ReturnType<typeof upsert> => note(freshIn([lane], note));
const longMs = 600_000;

const waitingWrites = async (world: World): Promise<number> => {
  const [row] = await world.sql('select count(*)::int as n from sluice.intake');
  return row!['n'] as number;
};

/** Until a write of the lane is refused; those that are taken first are sent without waiting for their outcomes. */
async function untilRefused(node: SluiceClient, lane: number): Promise<unknown> {
  return eventually(async () => {
    const error: unknown = await node.accept(noteIn(lane)).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).not.toBeNull();
    return error;
  });
}

describe('an intake over its high-water mark', () => {
  const database = useDatabase();

  test('an overloaded lane refuses writes before their insert, until half of its intake is drained', async () => {
    const world = await startWorld(database.url, {
      writers: 0,
      client: { highWaterWrites: 20, highWaterMs: longMs, leaderGraceMs: longMs },
    });
    for (let count = 0; count < 25; count++) await world.node.accept(noteIn(3));
    expect(await untilRefused(world.node, 3)).toMatchObject({
      code: 'overloaded',
      retryAfterSeconds: expect.any(Number) as number,
    });
    const waiting = await waitingWrites(world);
    await expect(world.submit(noteIn(3))).rejects.toMatchObject({ code: 'overloaded' });
    expect(await waitingWrites(world)).toBe(waiting);
    expect(await world.node.status()).toMatchObject({ lanesOverloaded: [3] });
    // Another lane has nothing to do with it.
    await world.node.accept(noteIn(4));

    // Hysteresis: under the mark, but not under half of it.
    await world.sql(
      `delete from sluice.intake where lane = 3 and position <= (select max(position) from sluice.intake) - 15`,
    );
    await world.node.status();
    expect(await world.node.status()).toMatchObject({ lanesOverloaded: [3] });
    await world.startWriter();
    await eventually(async () => expect(await waitingWrites(world)).toBe(0));
    await eventually(async () => expect(await world.node.status()).toMatchObject({ lanesOverloaded: [] }));
    expect(await world.submit(noteIn(3))).toMatchObject({ result: 'created' });
  });

  test('an intake is overloaded by the age of its oldest write, too', async () => {
    const world = await startWorld(database.url, {
      writers: 0,
      client: { highWaterMs: 30, leaderGraceMs: longMs },
    });
    await world.node.accept(noteIn(5));
    expect(await untilRefused(world.node, 5)).toMatchObject({ code: 'overloaded' });
    await world.startWriter();
    await eventually(async () => expect(await waitingWrites(world)).toBe(0));
    await eventually(async () => expect(await world.node.status()).toMatchObject({ lanesOverloaded: [] }));
  });

  test('the age of a blocked write does not count towards overload', async () => {
    const world = await startWorld(database.url, { client: { highWaterMs: 5_000, leaderGraceMs: longMs } });
    const release = await world.holdLanes([6]);
    await world.node.accept(noteIn(6));
    await world.sql(
      `update sluice.intake set was_blocked = true, accepted_at = clock_timestamp() - interval '1 hour'`,
    );
    expect(await world.node.status()).toMatchObject({ lanesOverloaded: [] });
    await release();
    await eventually(async () => expect(await waitingWrites(world)).toBe(0));
  });
});

describe('a lane without a leader', () => {
  const database = useDatabase();

  /** One writer, and another session that wants to lead half of the lanes but takes none: they stay without a leader. */
  async function halfLed(
    client: object,
  ): Promise<{ world: World; led: number; unled: number; shadow: () => Promise<void> }> {
    const shadow = await openConnection(database.url);
    await shadow.query(
      'select pg_advisory_lock(1936486758, pg_backend_pid()), pg_advisory_lock_shared(1936486759, 20000)',
    );
    const world = await startWorld(database.url, { client });
    await eventually(() => expect(world.writers[0]!.status().lanes).toHaveLength(8));
    const lanes = world.writers[0]!.status().lanes;
    return {
      world,
      led: lanes[0]!,
      unled: [...Array(16).keys()].find((lane) => !lanes.includes(lane))!,
      shadow: async () => void (await shadow.query('select pg_advisory_unlock_all()')),
    };
  }

  test('a lane without a leader refuses writes after the time of a hand-over, and led lanes go on', async () => {
    const { world, led, unled, shadow } = await halfLed({ leaderGraceMs: 50 });
    expect(await untilRefused(world.node, unled)).toMatchObject({
      code: 'lane_without_leader',
      retryAfterSeconds: 1,
    });
    const waiting = await waitingWrites(world);
    await expect(world.submit(noteIn(unled))).rejects.toMatchObject({ code: 'lane_without_leader' });
    expect(await waitingWrites(world)).toBe(waiting);
    expect(await world.submit(noteIn(led))).toMatchObject({ result: 'created' });
    const { lanesWithoutLeader } = await world.node.status();
    expect(lanesWithoutLeader).toHaveLength(8);
    expect(lanesWithoutLeader).toContain(unled);
    await shadow();
    await untilShared(world.writers);
    await eventually(async () =>
      expect(await world.submit(noteIn(unled))).toMatchObject({ result: 'created' }),
    );
  });

  test('a lane without a leader takes writes while a hand-over may be under way', async () => {
    const world = await startWorld(database.url, { client: { leaderGraceMs: longMs } });
    await untilShared(world.writers);
    await world.writers[0]!.stop();
    await world.node.status();
    const outcome = world.submit(note());
    await world.startWriter();
    expect(await outcome).toMatchObject({ result: 'created' });
  });

  test('a bypass of a lane is optional, and never overtakes an earlier write', async () => {
    const world = await startWorld(database.url, { writers: 0 });
    const bypassing = await world.startNode({ onOverload: 'bypass', leaderGraceMs: 0 });
    await eventually(async () => expect((await bypassing.status()).lanesWithoutLeader).toHaveLength(16));
    expect(await bypassing.submit(note())).toMatchObject({ result: 'created' });
    expect(await waitingWrites(world)).toBe(0);
    const noteId = fresh();
    const { writeId } = await world.node.accept(note(noteId));
    await expect(bypassing.submit(upsert('notes', { noteId, text: 'later' }))).rejects.toMatchObject({
      code: 'lane_without_leader',
    });
    await world.startWriter();
    await eventually(async () =>
      expect(await bypassing.readWrite('', writeId)).toMatchObject({ state: 'settled' }),
    );
    await eventually(async () =>
      expect(await bypassing.submit(upsert('notes', { noteId, text: 'later' }))).toMatchObject({
        result: 'updated',
      }),
    );
  });
});

describe('a node that stops under load', () => {
  const database = useDatabase();

  test('a node that stops under load takes no write, and cancels those not settled in time', async () => {
    const world = await startWorld(database.url, { writers: 0, client: { drainMs: 50 } });
    const requests = Array.from({ length: 200 }, () => note());
    const outcomes = requests.map((request) => world.submit(request));
    await eventually(async () => expect(await waitingWrites(world)).toBe(200));
    const stopped = world.node.stop();
    await expect(world.submit(note())).rejects.toMatchObject({ code: 'stopping' });
    await stopped;
    for (const outcome of await Promise.all(outcomes)) {
      expect(outcome).toMatchObject({ result: 'not_applied', code: 'cancelled' });
    }
    const [settled] = await world.sql(
      `select count(*)::int as writes, count(distinct batch_id)::int as batches from sluice.outcome where code = 'cancelled'`,
    );
    expect(settled!['writes']).toBe(200);
    expect(settled!['batches']).toBeLessThan(10);
    expect(await waitingWrites(world)).toBe(0);
    // For good: a writer that comes later finds nothing to apply.
    await untilShared([await world.startWriter()]);
    expect(await world.sql('select from sluice.document')).toEqual([]);
  });

  test('a node that stops under load waits for writes that are settled in time', async () => {
    const world = await startWorld(database.url, { client: { drainMs: longMs } });
    await untilShared(world.writers);
    const lane = laneOfWrite(note(1_000_000));
    const release = await world.holdLanes([lane]);
    const outcome: Promise<Outcome> = world.submit(note(1_000_000));
    await eventually(async () => expect(await waitingWrites(world)).toBe(1));
    const stopped = world.node.stop();
    // Nothing tries to cancel it.
    for (let look = 0; look < 10; look++) {
      expect(
        await world.sql(
          `select from pg_stat_activity where datname = current_database() and application_name = 'sluice node'
             and wait_event_type = 'Lock'`,
        ),
      ).toEqual([]);
    }
    await release();
    expect(await outcome).toMatchObject({ result: 'created' });
    await stopped;
  });
});
