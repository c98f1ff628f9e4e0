// Lanes that an operator pauses, writers that are drained, and leaders that try again: seen and done through the database.

import { setTimeout as pause } from 'node:timers/promises';
import {
  drainWriter,
  explainLane,
  listLanes,
  listStuck,
  listWriters,
  pauseLanes,
  resumeLanes,
} from 'sluice/operator';
import { defaults } from 'sluice/internal/protocol';
import { Database } from 'sluice/internal/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection } from '../support/sql.ts';
import {
  fresh,
  freshIn,
  friend,
  laneOfWrite,
  startWorld,
  untilEven,
  untilShared,
  upsert,
  type World,
  type WorldOptions,
} from '../support/world.ts';

const actor = 'a test';
const allLanes = Array.from({ length: defaults.lanes }, (_, lane) => lane);

describe.each(
  firstOrAll([
    { name: 'a paused lane', notifications: true, ownership: 'lock' as const },
    { name: 'a paused lane, without notifications', notifications: false, ownership: 'lock' as const },
    { name: 'a paused lane that is led by a lease', notifications: true, ownership: 'lease' as const },
  ]),
)('$name', ({ notifications, ownership }) => {
  const database = useDatabase();

  async function setup(options: WorldOptions = {}): Promise<{ world: World; operator: Database }> {
    const world = await startWorld(database.url, {
      client: { notifications },
      writer: { notifications, ownership },
      ...options,
    });
    const operator = new Database({
      url: database.opsUrl,
      applicationName: 'sluice test',
      connectionsMax: 2,
    });
    onTestFinished(() => operator.close());
    onTestFinished(async () => void (await resumeLanes(operator, allLanes, actor)));
    await untilShared(world.writers);
    return { world, operator };
  }

  test('a lane in which a write waits for a lock costs its writer nothing', async () => {
    const { world, operator } = await setup();
    const noteId = fresh();
    const request = upsert('notes', { noteId });
    const lane = laneOfWrite(request);
    const { documentId } = await world.submit(request);
    const holder = await openConnection(database.url);
    await holder.query('begin');
    await holder.query('select from sluice.document where document_id = $1 for update', [documentId]);
    const waiting = world.submit(upsert('notes', { noteId, text: 'changed' }));
    await eventually(async () =>
      expect(await world.sql('select from sluice.intake where blocked_at is not null')).toHaveLength(1),
    );
    await pauseLanes(operator, [lane], actor);
    const other = freshIn(
      allLanes.filter((each) => each !== lane),
      (id) => upsert('notes', { noteId: id }),
    );
    expect(await world.submit(upsert('notes', { noteId: other }))).toMatchObject({ result: 'created' });
    // Longer than the write rests between two tries. CPU time does not depend on what else the machine does.
    await pause(500);
    const since = process.cpuUsage();
    await pause(1000);
    const { user, system } = process.cpuUsage(since);
    expect((user + system) / 1000).toBeLessThan(500);
    await holder.query('rollback');
    await resumeLanes(operator, [lane], actor);
    expect(await waiting).toMatchObject({ result: 'updated' });
  });

  test('a paused lane settles nothing until it is resumed, while other lanes go on', async () => {
    const { world, operator } = await setup();
    const noteId = fresh();
    const lane = laneOfWrite(upsert('notes', { noteId }));
    expect(await pauseLanes(operator, [lane], actor)).toEqual([lane]);
    expect(await pauseLanes(operator, [lane], actor)).toEqual([]);
    const held = world.submit(upsert('notes', { noteId }));
    const { writes } = await eventually(async () => {
      const list = await listStuck(operator, { lane });
      expect(list.writes).toHaveLength(1);
      return list;
    });
    expect(writes).toMatchObject([{ reason: 'lane_paused' }]);
    const others = allLanes.filter((other) => other !== lane);
    const other = freshIn(others, (id) => upsert('notes', { noteId: id }));
    expect(await world.submit(upsert('notes', { noteId: other }))).toMatchObject({ result: 'created' });
    expect(
      await world.sql('select count(*)::int as n from sluice.outcome where write_id = $1', [
        writes[0]!.writeId,
      ]),
    ).toEqual([{ n: 0 }]);
    const lanes = await listLanes(operator);
    expect(lanes[lane]).toMatchObject({ reason: 'lane_paused', isLed: true, pausedBy: actor, ready: 1 });
    await resumeLanes(operator, [lane], actor);
    expect(await held).toMatchObject({ result: 'created' });
  });

  test('a paused lane blocks a cycle with a write of it, and frees it once resumed', async () => {
    const { world, operator } = await setup({
      writers: 2,
      writer: { notifications, ownership, spread: 'even' },
    });
    await untilEven(world.writers);
    const [near, far] = world.writers.map((writer) => writer.status().lanes);
    const first = freshIn(near!, (id) => upsert('friends', friend(id)));
    const second = freshIn(far!, (id) => upsert('friends', friend(id)));
    const waits = { waitForReferencesSeconds: 600 };
    const one = world.submit(upsert('friends', friend(first, second), waits));
    await eventually(async () =>
      expect((await listStuck(operator, { reason: 'blocked' })).writes).toHaveLength(1),
    );
    await pauseLanes(operator, near!, actor);
    const two = world.submit(upsert('friends', friend(second, first), waits));
    // The second is planned by the other leader, which finds the cycle and may not settle it.
    await eventually(async () =>
      expect((await listStuck(operator, { reason: 'blocked' })).writes).toHaveLength(2),
    );
    // Another write in the lanes that go on comes after it.
    const other = freshIn(far!, (id) => upsert('friends', friend(id)));
    await world.submit(upsert('friends', friend(other)));
    expect((await listStuck(operator, { reason: 'blocked' })).writes).toHaveLength(2);
    await resumeLanes(operator, near!, actor);
    expect(await Promise.all([one, two])).toMatchObject([{ result: 'created' }, { result: 'created' }]);
  });

  test('every lane of a writer may be paused', async () => {
    const { world, operator } = await setup();
    await pauseLanes(operator, allLanes, actor);
    const held = [fresh(), fresh(), fresh()].map((noteId) => world.submit(upsert('notes', { noteId })));
    await eventually(async () =>
      expect((await listStuck(operator, { reason: 'lane_paused' })).writes).toHaveLength(3),
    );
    await resumeLanes(operator, allLanes, actor);
    expect((await Promise.all(held)).map(({ result }) => result)).toEqual(['created', 'created', 'created']);
  });
});

describe('a writer', () => {
  const database = useDatabase();

  test('a drained writer gives its lanes to the others, takes no more, and is shown as ended', async () => {
    const world = await startWorld(database.url, { writers: 2, writer: { spread: 'even' } });
    const operator = new Database({
      url: database.opsUrl,
      applicationName: 'sluice test',
      connectionsMax: 2,
    });
    onTestFinished(() => operator.close());
    await untilEven(world.writers);
    const [drained, other] = world.writers;
    const { writerId } = drained!.status();
    expect(await drainWriter(operator, writerId.slice(0, 13), actor)).toMatchObject({ writerId });
    await drained!.drained;
    expect(drained!.status().lanes).toEqual([]);
    await untilShared([other!]);
    await drained!.stop();
    const writers = await listWriters(operator);
    expect(writers).toMatchObject([
      { state: 'leading', lanes: defaults.lanes },
      { writerId, state: 'stopped', lanes: 0 },
    ]);
    await expect(drainWriter(operator, writerId, actor)).rejects.toThrow('no running writer');
  });

  test('a writer that tries a batch again shows the error, until the batch is settled', async () => {
    const world = await startWorld(database.url);
    const operator = new Database({
      url: database.opsUrl,
      applicationName: 'sluice test',
      connectionsMax: 2,
    });
    onTestFinished(() => operator.close());
    // Two deadlocks, as far as the batch can tell; then it waits for us.
    await world.sql('create sequence public.tries');
    await world.sql(`
      create function public.get_in_the_way() returns trigger language plpgsql security definer as $$ begin
        if nextval('public.tries') <= 2 then raise exception 'no' using errcode = '40P01'; end if;
        perform pg_advisory_xact_lock(42);
        return new;
      end $$`);
    await world.sql(`
      create trigger get_in_the_way before insert on sluice.document for each row
      when (new.body ? 'slow') execute function public.get_in_the_way()`);
    onTestFinished(async () => void (await world.sql('drop trigger get_in_the_way on sluice.document')));
    const holder = await openConnection(database.url);
    await holder.query('select pg_advisory_lock(42)');
    const slow = upsert('notes', { noteId: fresh(), slow: true });
    const answer = world.submit(slow);
    await eventually(async () => {
      const { writes } = await listStuck(operator, { error: '40P01' });
      expect(writes).toMatchObject([{ reason: 'retrying', attempts: 2, error: { code: '40P01' } }]);
    });
    const lanes = await listLanes(operator);
    expect(lanes[laneOfWrite(slow)]).toMatchObject({
      reason: 'retrying',
      retry: { error: '40P01', attempt: 2 },
    });
    await holder.query('select pg_advisory_unlock(42)');
    expect(await answer).toMatchObject({ result: 'created' });
    await eventually(async () =>
      expect((await listLanes(operator)).filter(({ retry }) => retry !== null)).toEqual([]),
    );
  });

  test('a writer whose predecessor died shows the lanes in quarantine', async () => {
    const world = await startWorld(database.url);
    const operator = new Database({ url: database.url, applicationName: 'sluice test', connectionsMax: 2 });
    onTestFinished(() => operator.close());
    await untilShared(world.writers);
    const quarantine = (since: string): Promise<unknown> =>
      world.sql(`update sluice.lane set suspect_since = ${since} where lane = 3`);
    await quarantine('clock_timestamp()');
    const lanes = await listLanes(operator);
    expect(lanes.filter(({ reason }) => reason !== 'ready')).toMatchObject([{ lane: 3, reason: 'retrying' }]);
    expect(explainLane(lanes[3]!)).toContain('in quarantine: its leader crashed');
    await quarantine('null');
    expect((await listLanes(operator)).filter(({ reason }) => reason !== 'ready')).toEqual([]);
  });
});
