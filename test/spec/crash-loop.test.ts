// A write that kills each writer that tries it: isolated in narrowing parts, made a dead letter, and the lane goes on.

import { setFailpoint } from 'sluice/internal/protocol';
import { DatabaseError } from 'sluice/internal/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { fresh, freshIn, friend, startWorld, untilShared, upsert, type World } from '../support/world.ts';
import { startWriterProcess } from '../support/writer-process.ts';

const note = (noteId: number): ReturnType<typeof upsert> => upsert('notes', { noteId });
const lane = 3;

/** In an ordinary batch; with all lanes in quarantine; then for each killer in its lane alone, and three times by itself. */
const deathsOf = (killers: number): number => 2 + 4 * killers;

/** Runs one writer, and another whenever it has died, as a supervisor does. */
function superviseDoomedWriter(url: string, poison: string): { readonly deaths: number } {
  let deaths = 0;
  let isOver = false;
  let writer = startWriterProcess(url, { poison });
  const running = (async () => {
    for (;;) {
      await writer.ended;
      if (isOver) return;
      deaths += 1;
      writer = startWriterProcess(url, { poison });
    }
  })();
  onTestFinished(async () => {
    isOver = true;
    await writer.stop();
    await running;
  });
  return {
    get deaths() {
      return deaths;
    },
  };
}

describe('a write that kills the writer', () => {
  const database = useDatabase();

  test(
    'a write that kills its writer becomes a dead letter after a few deaths, and its lane goes on',
    { timeout: 200_000 },
    async () => {
      const world = await startWorld(database.url, {
        writers: 0,
        client: { leaderGraceMs: 600_000, highWaterMs: 600_000 },
      });
      const noteIds = Array.from({ length: 50 }, () => freshIn([lane], note));
      const writeIds: string[] = [];
      for (const noteId of noteIds) writeIds.push((await world.node.accept(note(noteId))).writeId);
      const poison = writeIds[30]!;
      const supervised = superviseDoomedWriter(database.url, poison);
      await eventually(
        async () => {
          const states = await world.node.readWrites('', writeIds);
          expect(states.filter(({ state }) => state !== 'settled')).toEqual([]);
        },
        { timeoutMs: 180_000, intervalMs: 200 },
      );
      const states = await world.node.readWrites('', writeIds);
      const results = new Map(states.map(({ writeId, outcome }) => [writeId, outcome]));
      for (const writeId of writeIds.filter((each) => each !== poison)) {
        expect(results.get(writeId)).toMatchObject({ result: 'created' });
      }
      expect(results.get(poison)).toMatchObject({
        result: 'not_applied',
        code: 'dead_letter',
        detail: { error: { code: 'SL003', constraint: null, table: null } },
      });
      expect(supervised.deaths).toBe(deathsOf(1));
      expect(
        await world.sql(
          `select attempts, operation, resource, lane, body, idempotency_key, reference_ids from sluice.dead_letter where write_id = $1`,
          [poison],
        ),
      ).toEqual([
        {
          attempts: 3,
          operation: 'upsert',
          resource: 'test/notes',
          lane,
          body: { noteId: noteIds[30] },
          idempotency_key: null,
          reference_ids: [],
        },
      ]);
      expect(await world.submit(note(freshIn([lane], note)))).toMatchObject({ result: 'created' });
      await untilTrusted(world);
    },
  );
});

const untilTrusted = (world: World): Promise<void> =>
  eventually(async () =>
    expect(
      await world.sql(`select lane from sluice.lane where suspect_since is not null or trials > 0`),
    ).toEqual([]),
  );

/** Each leader that is about to settle one of these writes loses its session at that moment. Gives what died in hand. */
function endLeadersThatTry(killers: ReadonlySet<string>): { deaths: string[][] } {
  const deaths: string[][] = [];
  setFailpoint('facts_read', (_lanes, writeIds) => {
    if (!writeIds.some((writeId) => killers.has(writeId))) return;
    deaths.push([...writeIds]);
    throw new DatabaseError({ sqlState: '57P01', message: 'ended by the test' });
  });
  onTestFinished(() => setFailpoint('facts_read', null));
  return { deaths };
}

describe('writes that end the session of each leader that tries them', { timeout: 120_000 }, () => {
  const database = useDatabase();
  const allLanes = Array.from({ length: 16 }, (_, each) => each);

  /** Accepts these writes, lets leaders meet the killers among them, and gives the results in order. */
  async function settleAmong(
    requests: readonly ReturnType<typeof upsert>[],
    killers: readonly number[],
    writers: number,
  ): Promise<{ results: (string | undefined)[]; versions: unknown[]; deaths: string[][] }> {
    const world = await startWorld(database.url, {
      writers,
      client: { leaderGraceMs: 600_000, highWaterMs: 600_000 },
    });
    await untilShared(world.writers);
    await untilTrusted(world);
    const resume = await world.pauseLanes(allLanes);
    const writeIds: string[] = [];
    for (const request of requests) writeIds.push((await world.node.accept(request)).writeId);
    const { deaths } = endLeadersThatTry(new Set(killers.map((each) => writeIds[each]!)));
    await resume();
    const states = await eventually(
      async () => {
        const read = await world.node.readWrites('', writeIds);
        expect(read.filter(({ state }) => state !== 'settled')).toEqual([]);
        return new Map(read.map(({ writeId, outcome }) => [writeId, outcome]));
      },
      { timeoutMs: 100_000, intervalMs: 100 },
    );
    await untilTrusted(world);
    await world.sql('delete from sluice.dead_letter');
    const outcomes = writeIds.map((writeId) => states.get(writeId));
    return {
      results: outcomes.map((outcome) => outcome?.code ?? outcome?.result),
      versions: outcomes.map((outcome) => outcome?.version),
      deaths,
    };
  }

  test.runIf(isWide)(
    'one of 600 writes in all lanes becomes a dead letter after six deaths; the others are created',
    async () => {
      const requests = Array.from({ length: 600 }, () => note(fresh()));
      const { results, deaths } = await settleAmong(requests, [300], 1);
      expect(results).toEqual(requests.map((_, each) => (each === 300 ? 'dead_letter' : 'created')));
      expect(deaths).toHaveLength(deathsOf(1));
      const [batch, together, lane, ...alone] = deaths.map((writeIds) => writeIds.length);
      expect([batch, together]).toEqual([512, 512]);
      expect(lane).toBeLessThan(100);
      expect(alone).toEqual([1, 1, 1]);
    },
  );

  test.runIf(isWide)(
    'two writes in lanes of two writers become dead letters after at most six deaths each',
    async () => {
      const requests = Array.from({ length: 40 }, (_, each) => note(freshIn([each % 16], note)));
      const { results, deaths } = await settleAmong(requests, [3, 20], 2);
      expect(results).toEqual(
        requests.map((_, each) => ([3, 20].includes(each) ? 'dead_letter' : 'created')),
      );
      expect(deaths.length).toBeLessThanOrEqual(2 * deathsOf(1));
    },
  );

  test('two writes in one lane become dead letters, and no write to a document overtakes another', async () => {
    const id = freshIn([lane], (each) => upsert('friends', friend(each)));
    const [a, b] = [fresh(), fresh()];
    const inLane = (): ReturnType<typeof note> => note(freshIn([lane], note));
    const requests = [
      upsert('friends', friend(id)),
      inLane(),
      upsert('friends', friend(id, a)),
      inLane(),
      upsert('friends', friend(a)),
      upsert('friends', friend(id, b)),
      upsert('friends', friend(b, id)),
      upsert('friends', friend(id)),
      inLane(),
    ];
    const { results, versions, deaths } = await settleAmong(requests, [1, 3], 1);
    expect([results[1], results[3]]).toEqual(['dead_letter', 'dead_letter']);
    expect([0, 2, 5, 7].map((each) => versions[each])).toEqual([1, 2, 3, 4]);
    expect([4, 6, 8].map((each) => results[each])).toEqual(['created', 'created', 'created']);
    expect(deaths.length).toBeLessThanOrEqual(deathsOf(2));
  });

  test('a write whose leaders end three times for another reason is not blamed', async () => {
    const world = await startWorld(database.url);
    await untilShared(world.writers);
    await untilTrusted(world);
    const resume = await world.pauseLanes(allLanes);
    const accepted = await Promise.all(Array.from({ length: 20 }, () => world.node.accept(note(fresh()))));
    const { deaths } = endLeadersThatTry(new Set(accepted.map(({ writeId }) => writeId)));
    await resume();
    await eventually(() => expect(deaths.length).toBeGreaterThanOrEqual(3), { timeoutMs: 20_000 });
    setFailpoint('facts_read', null);
    for (const { writeId } of accepted)
      await eventually(async () =>
        expect(await world.node.readWrite('', writeId)).toMatchObject({ outcome: { result: 'created' } }),
      );
    await untilTrusted(world);
    expect(await world.sql('select from sluice.dead_letter')).toEqual([]);
  });
});

describe('a leader that ends for another reason', () => {
  const database = useDatabase();

  test('a leader that ends for another reason leaves its lanes in quarantine until their writes were tried', async () => {
    const world = await startWorld(database.url);
    await untilShared(world.writers);
    const release = await world.holdLanes(Array.from({ length: 16 }, (_, each) => each));
    const outcomes = Array.from({ length: 40 }, () => world.submit(note(fresh())));
    await eventually(async () =>
      expect(await world.sql('select count(*)::int as n from sluice.intake')).toEqual([{ n: 40 }]),
    );
    await world.sql(
      `select pg_terminate_backend(session_pid, 5000) from (select distinct session_pid from sluice.lane) s`,
    );
    await release();
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ result: 'created' });
    await untilTrusted(world);
    expect(await world.sql('select from sluice.dead_letter')).toEqual([]);
  });

  test('quarantine lets no write overtake an earlier write that a try has deferred', async () => {
    const world = await startWorld(database.url);
    await untilShared(world.writers);
    const release = await world.holdLanes(Array.from({ length: 16 }, (_, each) => each));
    const [a, b] = [fresh(), fresh()];
    const outcomes = [
      upsert('friends', friend(a, b)),
      upsert('friends', friend(b)),
      // Deferred by the first batch, because the outcome of the first depends on the second.
      upsert('friends', friend(a)),
      note(fresh()),
      upsert('friends', friend(a, b)),
      note(fresh()),
      note(fresh()),
      note(fresh()),
    ].map((request) => world.submit(request));
    await eventually(async () =>
      expect(await world.sql('select count(*)::int as n from sluice.intake')).toEqual([{ n: 8 }]),
    );
    await world.sql(
      `select pg_terminate_backend(session_pid, 5000) from (select distinct session_pid from sluice.lane) s`,
    );
    await release();
    expect((await Promise.all(outcomes)).map(({ version }) => version)).toEqual([1, 1, 2, 1, 3, 1, 1, 1]);
    await untilTrusted(world);
  });

  test('a leader that stops in order leaves no lane in quarantine', async () => {
    const world = await startWorld(database.url);
    await untilShared(world.writers);
    await world.writers[0]!.stop();
    await untilShared([await world.startWriter()]);
    expect(await world.sql('select lane from sluice.lane where suspect_since is not null')).toEqual([]);
  });
});
