// Leadership: one leader a lane, elected by a lock that ends with its session, fenced by a term that only grows.

import { DeposedError, intakeOrigin, settleBatch, settleOptions } from 'sluice/internal/batch';
import { setFailpoint, type Spread } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import {
  fresh,
  laneOfWrite,
  startWorld,
  untilEven,
  untilShared,
  upsert,
  type World,
} from '../support/world.ts';

describe.each(
  firstOrAll([
    { name: 'a lane', notifications: true },
    { name: 'a lane, without notifications', notifications: false },
  ]),
)('$name', ({ notifications }) => {
  const database = useDatabase();
  const setup = (writers: number, spread: Spread = 'load'): Promise<World> =>
    startWorld(database.url, { writers, client: { notifications }, writer: { notifications, spread } });

  const termOf = async (world: World, lane: number): Promise<{ term: number; pid: number | null }> => {
    const [row] = await world.sql('select term::int, session_pid from sluice.lane where lane = $1', [lane]);
    return { term: row!['term'] as number, pid: row!['session_pid'] as number | null };
  };

  test('a lane has at most one leader', async () => {
    const world = await setup(3, 'even');
    await untilEven(world.writers);
    const rows = await world.sql(
      `select objid::int as lane, count(*)::int as holders from pg_locks
       where locktype = 'advisory' and classid = 1936486757 and granted
         and database = (select oid from pg_database where datname = current_database())
       group by objid order by objid`,
    );
    expect(rows).toEqual(Array.from({ length: 16 }, (_, lane) => ({ lane, holders: 1 })));
  });

  test('lanes are shared evenly as writers with an even spread come and go', async () => {
    const world = await setup(1, 'even');
    const [first] = world.writers;
    await untilShared([first!]);
    const second = await world.startWriter();
    await untilEven([first!, second]);
    const third = await world.startWriter({ sessions: 2 });
    await eventually(() => {
      expect([first!, second, third].map((writer) => writer.status().lanes.length)).toEqual([4, 4, 8]);
    });
    await first!.stop();
    await second.stop();
    await eventually(() => expect(third.status().lanes).toHaveLength(16));
  });

  test('a lane is taken over when the session of its leader ends', async () => {
    const world = await setup(2, 'even');
    await untilEven(world.writers);
    const request = upsert('notes', { noteId: fresh() });
    const lane = laneOfWrite(request);
    const before = await termOf(world, lane);
    await world.sql('select pg_terminate_backend($1, 5000)', [before.pid]);
    const { writeId, result } = await world.submit(request);
    expect(result).toBe('created');
    const [outcome] = await world.sql('select term::int from sluice.outcome where write_id = $1', [writeId]);
    expect(outcome!['term']).toBeGreaterThan(before.term);
    await untilShared(world.writers);
  });

  test('the commit of a deposed leader is fenced', async () => {
    const world = await setup(1);
    await untilShared(world.writers);
    const request = upsert('notes', { noteId: fresh() });
    const lane = laneOfWrite(request);
    const before = await termOf(world, lane);
    // Another opens the next term, although the leader still has its lock.
    await world.sql('update sluice.lane set term = term + 1 where lane = $1', [lane]);
    const { writeId, result } = await world.submit(request);
    expect(result).toBe('created');
    const [outcome] = await world.sql('select term::int from sluice.outcome where write_id = $1', [writeId]);
    // Not by its old term, but by the one of its new election.
    expect(outcome!['term']).toBe(before.term + 2);
  });

  test('a deposed leader commits nothing', async () => {
    const world = await setup(0);
    const { writeId } = await world.node.accept(upsert('notes', { noteId: fresh() }));
    const [row] = await world.sql('select lane from sluice.intake where write_id = $1', [writeId]);
    const lane = row!['lane'] as number;
    const { term } = await termOf(world, lane);
    const session = await Session.open({ url: database.writerUrl, applicationName: 'deposed' });
    onTestFinished(() => session.close());
    await expect(
      settleBatch(
        session,
        intakeOrigin(new Map([[lane, term - 1]]), 100),
        settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
      ),
    ).rejects.toThrow(DeposedError);
    expect(await world.node.readWrite('', writeId)).toMatchObject({ state: 'ready' });
  });

  test('a stopping writer hands its lane over once its batch is committed', async () => {
    const world = await setup(1);
    const [writer] = world.writers;
    await untilShared([writer!]);
    // What tests before left comes first: lanes without a leader, which are tried in parts, and writes.
    await eventually(async () =>
      expect(
        await world.sql(
          'select lane from sluice.lane where suspect_since is not null union all select lane from sluice.intake',
        ),
      ).toEqual([]),
    );
    let release: () => void = () => undefined;
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    const isInHand = new Promise<void>((resolve) => {
      setFailpoint('facts_read', () => {
        resolve();
        return isReleased;
      });
    });
    onTestFinished(() => setFailpoint('facts_read', null));
    const outcome = world.submit(upsert('notes', { noteId: fresh() }));
    await isInHand;
    const stopped = writer!.stop();
    release();
    expect(await outcome).toMatchObject({ result: 'created' });
    await stopped;
    expect(await world.sql('select distinct writer_id from sluice.lane')).toEqual([{ writer_id: null }]);
    const next = await world.startWriter();
    await untilShared([next]);
  });

  test('a lane recovers after a writer could not reach the database, and that writer can stop', async () => {
    const world = await setup(1);
    await untilShared(world.writers);
    await world.sql(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where application_name = 'sluice writer' and datname = current_database()`,
    );
    expect(await world.submit(upsert('notes', { noteId: fresh() }))).toMatchObject({ result: 'created' });
    await world.writers[0]!.stop();
  });
});
