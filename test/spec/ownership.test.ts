// What every form of ownership promises: one leader a lane, as few sessions that lead as keep up or a fair share for all,
// and another leader soon after one has died, has frozen, or has left.

import { randomUUID } from 'node:crypto';
import { settleOptions, DeposedError, intakeOrigin, settleBatch } from 'sluice/internal/batch';
import { listSessions } from 'sluice/operator';
import type { OwnershipForm } from 'sluice/internal/protocol';
import { Database, Session } from 'sluice/internal/store';
import type { WriterOptions } from 'sluice/internal/writer';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { openConnection } from '../support/sql.ts';
import {
  fresh,
  freshIn,
  laneOfWrite,
  startWorld,
  untilEven,
  untilShared,
  upsert,
  type World,
} from '../support/world.ts';
import { startWriterProcess, type WriterProcess } from '../support/writer-process.ts';

const forms = firstOrAll<OwnershipForm>(['lock', 'lease']);
const allLanes = Array.from({ length: 16 }, (_, lane) => lane);

describe.each(forms.map((ownership) => ({ ownership })))('ownership by $ownership', ({ ownership }) => {
  const database = useDatabase();
  const setup = (writers: number, writer: Partial<WriterOptions> = {}): Promise<World> =>
    startWorld(database.url, {
      writers,
      writer: { ownership, ...writer },
      client: { leaderGraceMs: 60_000 },
    });
  const noteOf = (noteId: number): ReturnType<typeof upsert> => upsert('notes', { noteId });
  const note = (): ReturnType<typeof upsert> => noteOf(fresh());
  const operator = (): Database => {
    const own = new Database({ url: database.opsUrl, applicationName: 'sluice test', connectionsMax: 1 });
    onTestFinished(() => own.close());
    return own;
  };

  const ledLanes = async (world: World): Promise<number[]> => {
    const [row] = await world.sql('select sluice.led_lanes() as lanes');
    return (row!['lanes'] as number[]).sort((a, b) => a - b);
  };

  /** Another process leads all lanes, and a writer of this one stands by: it is started second, and shares from then on. */
  async function withOther(world: World): Promise<WriterProcess> {
    const other = startWriterProcess(database.url, { ownership });
    await eventually(async () => expect(await ledLanes(world)).toEqual(allLanes));
    return other;
  }

  test('each lane gets one leader, which is shown', async () => {
    const world = await setup(3, { spread: 'even' });
    await untilEven(world.writers);
    expect(await ledLanes(world)).toEqual(allLanes);
    expect(await world.sql('select from sluice.lane_status where is_led')).toHaveLength(16);
    expect(
      await world.sql(`select count(*)::int as n from sluice.writer_status where state = 'leading'`),
    ).toEqual([{ n: 3 }]);
    expect(await world.node.status()).toMatchObject({ lanesWithoutLeader: [] });
    for (const outcome of await Promise.all(Array.from({ length: 32 }, () => world.submit(note())))) {
      expect(outcome).toMatchObject({ result: 'created' });
    }
  });

  test('lanes are shared evenly as sessions come and go', async () => {
    const world = await setup(1, { spread: 'even' });
    await untilShared(world.writers);
    const second = await world.startWriter();
    await untilEven([world.writers[0]!, second]);
    const third = await world.startWriter({ sessions: 2 });
    await eventually(() => {
      expect([...world.writers].map((writer) => writer.status().lanes.length)).toEqual([4, 4, 8]);
    });
    await world.writers[0]!.stop();
    await second.stop();
    await eventually(() => expect(third.status().lanes).toHaveLength(16));
  });

  const termsOf = (world: World): Promise<unknown> =>
    world.sql('select lane, term::int, writer_id from sluice.lane order by lane');

  /**
   * A session that shares the lanes beside the writers: it wants so many to lead, or, as those of earlier versions, nothing;
   * and it leads some lanes. It ends by itself at the end of the test.
   */
  async function joinBeside(
    wanted: number | null,
    lanes: readonly number[] = [],
  ): Promise<() => Promise<void>> {
    const session = await openConnection(database.url);
    const id = randomUUID();
    if (ownership === 'lock') {
      await session.query('select pg_advisory_lock(1936486758, pg_backend_pid())');
      await session.query('select pg_advisory_lock_shared(1936486759, $1 * 10000) where $1 is not null', [
        wanted,
      ]);
      await session.query('select pg_advisory_lock(1936486757, lane) from unnest($1::int[]) as l (lane)', [
        lanes,
      ]);
    } else {
      const later = `clock_timestamp() + interval '1 hour'`;
      await session.query(
        `insert into sluice.lease_session (session_id, writer_id, alive_until, joined_at, wanted_sessions)
         values ($1, $1, ${later}, ${later}, $2)`,
        [id, wanted],
      );
      await session.query(`update sluice.lane set leased_until = ${later} where lane = any($1)`, [lanes]);
    }
    const leave = async (): Promise<void> => {
      await session.query('delete from sluice.lease_session where session_id = $1', [id]);
      await session.query('update sluice.lane set leased_until = null where lane = any($1)', [lanes]);
      await session.query('select pg_advisory_unlock_all()');
    };
    onTestFinished(leave);
    return leave;
  }

  test('one session leads while it keeps up, and the others stand by until it is gone', async () => {
    const world = await setup(1);
    const first = world.writers[0]!;
    await untilShared([first]);
    const own = operator();
    const terms = await termsOf(world);
    const second = await world.startWriter({ sessions: 2 });
    await eventually(async () =>
      expect(await listSessions(own)).toMatchObject([
        { lanes: 16, wantedSessions: 1, load: 'quiet' },
        { lanes: 0, wantedSessions: 1, load: 'quiet' },
        { lanes: 0, wantedSessions: 1, load: 'quiet' },
      ]),
    );
    for (let count = 0; count < 8; count++)
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
    expect(second.status().lanes).toEqual([]);
    expect(await termsOf(world)).toEqual(terms);
    await first.stop();
    await untilShared([second]);
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
  });

  test('lanes are shared while one session wants others to lead, and with no other afterwards', async () => {
    const world = await setup(1);
    const first = world.writers[0]!;
    await untilShared([first]);
    const second = await world.startWriter();
    const leave = await joinBeside(2);
    await untilEven([first, second]);
    await leave();
    await eventually(() => {
      const led = [first, second].map((writer) => writer.status().lanes.length);
      expect(led.toSorted((a, b) => a - b)).toEqual([0, 16]);
    });
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
  });

  test('lanes do not move between sessions of this version and an earlier version that leads some', async () => {
    const leave = await joinBeside(null, [0, 1, 2, 3]);
    const world = await setup(1);
    const first = world.writers[0]!;
    await eventually(() => expect(first.status().lanes).toEqual(allLanes.slice(4)));
    const own = operator();
    const terms = await termsOf(world);
    const second = await world.startWriter();
    await eventually(async () => expect(await listSessions(own)).toHaveLength(3));
    for (let count = 0; count < 8; count++) await world.submit(noteOf(freshIn(allLanes.slice(4), noteOf)));
    expect(await termsOf(world)).toEqual(terms);
    expect(second.status().lanes).toEqual([]);
    await leave();
    await untilShared([first]);
  });

  test('the term excludes a deposed leader, and only grows', async () => {
    const world = await setup(0);
    const { writeId } = await world.node.accept(note());
    const [row] = await world.sql(
      'select i.lane, l.term::int from sluice.intake i join sluice.lane l on l.lane = i.lane where write_id = $1',
      [writeId],
    );
    const { lane, term } = row as { lane: number; term: number };
    const writer = await world.startWriter();
    await eventually(async () =>
      expect(await world.node.readWrite('', writeId)).toMatchObject({ state: 'settled' }),
    );
    expect(await world.sql('select term::int from sluice.outcome where write_id = $1', [writeId])).toEqual([
      { term: term + 1 },
    ]);
    const session = await Session.open({ url: database.writerUrl, applicationName: 'deposed' });
    onTestFinished(() => session.close());
    const options = settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 });
    const origin = intakeOrigin(new Map([[lane, term]]), 100);
    await expect(settleBatch(session, origin, options)).rejects.toThrow(DeposedError);
    await writer.stop();
  });

  test('a session gives up lanes that another has taken meanwhile', async () => {
    const world = await setup(1);
    await untilShared(world.writers);
    const request = note();
    const lane = laneOfWrite(request);
    const [before] = await world.sql('select term::int from sluice.lane where lane = $1', [lane]);
    await world.sql('update sluice.lane set term = term + 1 where lane = $1', [lane]);
    const { writeId, result } = await world.submit(request);
    expect(result).toBe('created');
    const [outcome] = await world.sql('select term::int from sluice.outcome where write_id = $1', [writeId]);
    expect(outcome!['term']).toBeGreaterThanOrEqual((before!['term'] as number) + 2);
  });

  test('an idle leader shows that it lives, however long its poll interval', async () => {
    const world = await setup(1, { pollIntervalMs: 60_000 });
    await untilShared(world.writers);
    const signs =
      ownership === 'lease'
        ? 'select session_id::text as id, alive_until as at from sluice.lease_session'
        : `select pid::text as id, query_start as at from pg_stat_activity
           where pid = any(select pid from pg_locks where locktype = 'advisory')
             and datname = current_database() and application_name = 'sluice writer'`;
    const [first] = await world.sql(`select id, at::text from (${signs}) s`);
    // Later than what follows the take-over of the lanes.
    const isLater = `select at > $2::timestamptz + interval '400 ms' as is_later from (${signs}) s where id = $1`;
    await eventually(async () =>
      expect(await world.sql(isLater, [first!['id'], first!['at']])).toEqual([{ is_later: true }]),
    );
  });

  test('a lane has another leader soon after its leader was killed', async () => {
    const world = await setup(0);
    const other = await withOther(world);
    const writer = await world.startWriter();
    other.kill('SIGKILL');
    await untilShared([writer]);
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
  });

  test('a lane has another leader soon after its leader froze, which shares again when it wakes', async () => {
    const world = await setup(0, { spread: 'even' });
    const other = await withOther(world);
    const writer = await world.startWriter();
    await eventually(() => expect(writer.status().lanes).toHaveLength(8));
    other.kill('SIGSTOP');
    await untilShared([writer]);
    for (const outcome of await Promise.all(Array.from({ length: 16 }, () => world.submit(note())))) {
      expect(outcome).toMatchObject({ result: 'created' });
    }
    other.kill('SIGCONT');
    await eventually(() => expect(writer.status().lanes).toHaveLength(8));
    for (const outcome of await Promise.all(Array.from({ length: 16 }, () => world.submit(note())))) {
      expect(outcome).toMatchObject({ result: 'created' });
    }
    await other.stop();
    await untilShared([writer]);
  });

  test('a leaving session hands its lanes over without a wait', async () => {
    const world = await setup(1);
    await untilShared(world.writers);
    await world.writers[0]!.stop();
    expect(await ledLanes(world)).toEqual([]);
    expect(await world.sql('select from sluice.lease_session where alive_until > clock_timestamp()')).toEqual(
      [],
    );
    expect(await world.sql('select distinct writer_id from sluice.lane')).toEqual([{ writer_id: null }]);
  });

  test('the form of ownership is the same for all writers of a deployment', async () => {
    await setup(1);
    const world = await setup(0);
    const another: OwnershipForm = ownership === 'lock' ? 'lease' : 'lock';
    await expect(world.startWriter({ ownership: another })).rejects.toMatchObject({
      code: 'deployment_disagrees',
    });
  });
});
