// Hints name the lanes that have work: only their leaders look. A flood of hints is met by a limit, never by deafness.

import { pauseLanes, resumeLanes } from 'sluice/operator';
import { defaults } from 'sluice/internal/protocol';
import { Database } from 'sluice/internal/store';
import type { Writer, WriterObserver } from 'sluice/internal/writer';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { openConnection } from '../support/sql.ts';
import {
  enrolment,
  fresh,
  freshIn,
  laneOfWrite,
  startWorld,
  untilEven,
  untilShared,
  upsert,
  type World,
} from '../support/world.ts';

const database = useDatabase();
/** Below the 2 s after which the server ends a silent session, and so long that a deaf writer shows. */
const pollIntervalMs = 1500;
const note = (noteId = fresh()): ReturnType<typeof upsert> => upsert('notes', { noteId });
const noteIn = (lanes: readonly number[]): ReturnType<typeof upsert> => note(freshIn(lanes, note));

/** What woke the sessions of a writer. */
function wakeupsOf(): { observer: WriterObserver; found: Record<string, number> } {
  const found: Record<string, number> = { hint: 0, poll: 0, missed_hint: 0 };
  return {
    found,
    observer: {
      settled: () => undefined,
      woken: (by) => void (found[by] = (found[by] ?? 0) + 1),
      led: () => undefined,
      sessionEnded: () => undefined,
    },
  };
}

/** Every read of the intake locks the rows of all lanes that its session leads, which leaves a mark on them. */
async function marksOf(world: World, lanes: readonly number[]): Promise<string[]> {
  const rows = await world.sql(
    'select lane, xmin::text, xmax::text from sluice.lane where lane = any($1) order by lane',
    [lanes],
  );
  return rows.map(({ lane, xmin, xmax }) => `${String(lane)}: ${String(xmin)} ${String(xmax)}`);
}

/** The same once two looks, one after the other, agree: after an answer, a leader looks for more writes. */
async function marksAtRest(world: World, lanes: readonly number[]): Promise<string[]> {
  let marks: string[] = [];
  return eventually(async () => {
    const before = marks;
    marks = await marksOf(world, lanes);
    expect(marks).toEqual(before);
    return marks;
  });
}

/** Statements that heartbeats, echoes and the watch over a neighbour may have cost since then. */
const statementsOfRest = (since: number): number =>
  [pollIntervalMs, 1000, 900].reduce(
    (sum, intervalMs) => sum + Math.ceil((performance.now() - since) / intervalMs) + 1,
    0,
  );

async function startPair(): Promise<{ world: World; writers: Writer[]; proxies: Proxy[] }> {
  const world = await startWorld(database.url, {
    writers: 0,
    writer: { pollIntervalMs, spread: 'even' },
  });
  const proxies = [await startProxy(database.url), await startProxy(database.url)];
  const writers = await Promise.all(proxies.map(({ url }) => world.startWriter({ url })));
  await untilEven(writers);
  return { world, writers, proxies };
}

async function operate(): Promise<Database> {
  const operator = new Database({ url: database.opsUrl, applicationName: 'sluice test', connectionsMax: 1 });
  onTestFinished(() => operator.close());
  return operator;
}

describe('a hint', () => {
  test('a hint for lanes of another writer costs a writer no query, and one for another node a node none', async () => {
    const { world, writers, proxies } = await startPair();
    const [one, other] = writers as [Writer, Writer];
    const nodeProxy = await startProxy(database.url);
    await world.startNode({ url: nodeProxy.url });
    await world.submit(noteIn(one.status().lanes));
    const led = other.status().lanes;
    const marks = await marksAtRest(world, led);
    const [before, nodeBefore] = [proxies[1]!.statements, nodeProxy.statements];
    const began = performance.now();
    for (let count = 0; count < 30; count++) await world.submit(noteIn(one.status().lanes));
    expect(proxies[1]!.statements - before).toBeLessThanOrEqual(statementsOfRest(began));
    expect(nodeProxy.statements - nodeBefore).toBeLessThanOrEqual(statementsOfRest(began));
    expect(await marksOf(world, led)).toEqual(marks);
  });

  test('a hint wakes only the session that leads the lane, of the sessions of one writer', async () => {
    const world = await startWorld(database.url, { writers: 0, writer: { pollIntervalMs } });
    const writer = await world.startWriter({ sessions: 2, spread: 'even' });
    const shares = await eventually(async () => {
      const rows = await world.sql(
        'select array_agg(lane::int) as lanes from sluice.lane where writer_id is not null group by session_pid',
      );
      const lanes = rows.map((row) => row['lanes'] as number[]);
      expect(lanes.map((share) => share.length)).toEqual([8, 8]);
      return lanes as [number[], number[]];
    });
    expect(writer.status().lanes).toHaveLength(defaults.lanes);
    await world.submit(noteIn(shares[0]));
    const marks = await marksAtRest(world, shares[1]);
    for (let count = 0; count < 20; count++) await world.submit(noteIn(shares[0]));
    expect(await marksOf(world, shares[1])).toEqual(marks);
  });

  test('a hint that names no existing lane wakes every writer, like the hints of older nodes', async () => {
    const { world } = await startPair();
    for (const payload of ['', 'garbage', '16', '-1', '3,,4', 'x'.repeat(7999)]) {
      const marks = await marksOf(
        world,
        Array.from({ length: defaults.lanes }, (_, lane) => lane),
      );
      await world.sql(`select pg_notify('sluice_wakeup', $1)`, [payload]);
      await eventually(async () => {
        const now = await marksOf(
          world,
          Array.from({ length: defaults.lanes }, (_, lane) => lane),
        );
        expect(now.filter((mark) => marks.includes(mark))).toEqual([]);
      });
    }
  });

  test('a hint for a paused lane costs its leader nothing, and its writes are settled after the resume', async () => {
    const heard = wakeupsOf();
    const world = await startWorld(database.url, {
      writer: { pollIntervalMs, observer: heard.observer },
    });
    await untilShared(world.writers);
    const operator = await operate();
    const paused = laneOfWrite(note(freshIn([5], note)));
    const others = Array.from({ length: defaults.lanes }, (_, lane) => lane).filter(
      (lane) => lane !== paused,
    );
    await pauseLanes(operator, [paused], 'a test');
    onTestFinished(async () => void (await resumeLanes(operator, [paused], 'a test')));
    // Its leader sees the mark with its next batch.
    await world.submit(noteIn(others));
    const marks = await marksAtRest(world, others);
    const waiting = Array.from({ length: 10 }, () => world.submit(noteIn([paused])));
    await eventually(async () =>
      expect(await world.sql('select from sluice.intake where lane = $1', [paused])).toHaveLength(10),
    );
    // A cancellation is one of them.
    const cancelled = await world.startNode({ waitMs: 1000 });
    expect(await cancelled.submit(noteIn([paused]))).toMatchObject({ code: 'cancelled' });
    expect(await marksOf(world, others)).toEqual(marks);
    await resumeLanes(operator, [paused], 'a test');
    for (const { result } of await Promise.all(waiting)) expect(result).toBe('created');
    expect(heard.found).toMatchObject({ missed_hint: 0, poll: 0 });
  });

  test('a hint that comes before its leader listens is not missed', async () => {
    const heard = wakeupsOf();
    const world = await startWorld(database.url, { writers: 0 });
    const ears = await startProxy(database.url);
    const writer = await world.startWriter({
      listenUrl: ears.url,
      pollIntervalMs,
      observer: heard.observer,
    });
    // Its session connects now. It leads at once, and listens to its lanes only half a second later.
    ears.delay(250);
    await untilShared([writer]);
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
    expect(heard.found).toMatchObject({ missed_hint: 0, poll: 0 });
  });

  test('a hint that never came is counted as missed, and no other', async () => {
    const heard = wakeupsOf();
    const world = await startWorld(database.url, {
      client: { notifications: false, pollIntervalMs: 50 },
      writer: { pollIntervalMs: 500, observer: heard.observer },
    });
    await untilShared(world.writers);
    // Each comes right after a heartbeat and so waits for the next.
    await eventually(async () => {
      await world.submit(note());
      expect(heard.found['missed_hint']).toBeGreaterThanOrEqual(3);
    });
    const missed = heard.found['missed_hint'];
    const hinting = await world.startNode({ notifications: true });
    for (let count = 0; count < 100; count++) await hinting.submit(note());
    expect(heard.found).toMatchObject({ missed_hint: missed, poll: 0 });
  });

  test('a hint about what blocked writes await goes to the leaders of their lanes', async () => {
    const { world, writers, proxies } = await startPair();
    const [one, other] = writers as [Writer, Writer];
    const schoolId = freshIn(one.status().lanes, (id) => upsert('schools', { schoolId: id }));
    const blocked = (ofWriter: Writer): ReturnType<typeof upsert> =>
      upsert(
        'enrolments',
        enrolment(
          freshIn(ofWriter.status().lanes, (id) => upsert('enrolments', enrolment(id, schoolId))),
          schoolId,
        ),
        { waitForReferencesSeconds: 30 },
      );
    const child = blocked(other);
    const answer = world.submit(child);
    await eventually(async () => expect(await world.sql('select from sluice.awaited')).toHaveLength(1));
    const ears = await openConnection(database.url);
    const payloads: string[] = [];
    ears.on('notification', ({ payload = '' }) => payloads.push(payload));
    await ears.query('listen sluice_provided');
    // What others await costs the leader of the blocked write nothing.
    const [school] = await world.sql('select awaited_id from sluice.awaited');
    const packed = Buffer.from(String(school!['awaited_id']).replaceAll('-', ''), 'hex').toString(
      'base64url',
    );
    const before = proxies[1]!.statements;
    const began = performance.now();
    for (let count = 0; count < 50; count++)
      await ears.query(`select pg_notify('sluice_provided', $1)`, [`${packed};${one.status().lanes[0]}`]);
    await eventually(() => expect(payloads).toHaveLength(50));
    // A heartbeat of a leader with blocked writes looks at them: four statements more.
    expect(proxies[1]!.statements - before).toBeLessThanOrEqual(5 * statementsOfRest(began));
    // A leader asks who awaits what it has committed once a heartbeat has told it that anything is blocked elsewhere.
    const atHeartbeat = proxies[0]!.statements;
    await world.sql(`select pg_notify('sluice_lanes', '')`);
    await eventually(() => expect(proxies[0]!.statements).toBeGreaterThan(atHeartbeat));
    await world.submit(upsert('schools', { schoolId }));
    expect(await answer).toMatchObject({ result: 'created' });
    await eventually(() => expect(payloads.at(-1)).toBe(`${packed};${laneOfWrite(child)}`));
  });
});

describe('a flood of hints', () => {
  test(
    'a flood of hints drives no writer, and a write meanwhile is settled without a delay',
    { timeout: 60_000 },
    async () => {
      const proxy = await startProxy(database.url);
      const heard = wakeupsOf();
      const world = await startWorld(database.url, { writers: 0 });
      await untilShared([
        await world.startWriter({ url: proxy.url, pollIntervalMs, observer: heard.observer }),
      ]);
      await world.submit(note());
      const shouter = await openConnection(database.url);
      const before = proxy.statements;
      const began = performance.now();
      const end = new AbortController();
      let settled = 0;
      const writes = (async () => {
        while (!end.signal.aborted) {
          expect(await world.submit(note())).toMatchObject({ result: 'created' });
          settled += 1;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      })();
      let hints = 0;
      // Any role may do this; the payloads are of every kind.
      for (; performance.now() - began < 2000; hints += 10) {
        await shouter.query(
          `select pg_notify((array['sluice_wakeup', 'sluice_wakeup_3'])[1 + n % 2],
                          (array['', '3', md5(random()::text)])[1 + n % 3]),
                pg_notify('sluice_provided', md5(random()::text)), pg_notify('sluice_lanes', md5(random()::text))
           from generate_series($1::int, $1::int + 9) as n`,
          [hints],
        );
      }
      end.abort();
      await writes;
      const seconds = (performance.now() - began) / 1000;
      // 25 empty reads at once and 50 a second, and one for each that found something; as many heartbeats as the limit of them.
      const reads = 25 + 50 * seconds + 2 * (settled + 1);
      const heartbeats = 3 + 8 * seconds;
      expect(hints).toBeGreaterThan(reads);
      expect(proxy.statements - before).toBeLessThanOrEqual(6 * reads + heartbeats + statementsOfRest(began));
      // A writer that is deaf until its next heartbeat would find some by that.
      expect(heard.found).toMatchObject({ missed_hint: 0, poll: 0 });
    },
  );

  test(
    'a flood of hints leaves a writer that found nothing as ready to hear as before',
    { timeout: 60_000 },
    async () => {
      const heard = wakeupsOf();
      const world = await startWorld(database.url, { writer: { pollIntervalMs, observer: heard.observer } });
      await untilShared(world.writers);
      await world.submit(note());
      const shouter = await openConnection(database.url);
      const mark = async (): Promise<unknown> =>
        (await shouter.query('select xmin::text, xmax::text from sluice.lane where lane = 3')).rows[0];
      for (let count = 0; count < 100; count++) {
        const before = await mark();
        await shouter.query(`select pg_notify('sluice_wakeup', '3')`);
        await eventually(async () => expect(await mark()).not.toEqual(before), { intervalMs: 2 });
      }
      const woken = heard.found['hint'];
      for (let count = 0; count < 5; count++) await world.submit(note());
      expect(heard.found).toMatchObject({ missed_hint: 0, poll: 0 });
      expect(heard.found['hint']).toBeGreaterThanOrEqual(woken! + 5);
    },
  );
});
