// A write that kills whoever tries it: found among its neighbours by halves, set aside, and the lane goes on.

import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { fresh, freshIn, friend, startWorld, untilShared, upsert, type World } from '../support/world.ts';
import { startWriterProcess } from '../support/writer-process.ts';

const note = (noteId: number): ReturnType<typeof upsert> => upsert('notes', { noteId });
const lane = 3;

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
    'is set aside after a bounded number of deaths; its neighbours are committed, and the lane goes on',
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
      // One that nothing was known of, log₂ 50 halvings until it stands alone, three deaths alone.
      expect(supervised.deaths).toBeLessThanOrEqual(1 + Math.ceil(Math.log2(50)) + 2);
      expect(supervised.deaths).toBeGreaterThan(3);
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
      await world.sql(`select lane from sluice.lane where suspect_since is not null or tried <> '{}'`),
    ).toEqual([]),
  );

describe('a leader that ends for another reason', () => {
  const database = useDatabase();

  test('makes its lanes suspect only until what was ready in them has been tried', async () => {
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

  test('lets nothing overtake what the trial of a part has held back', async () => {
    const world = await startWorld(database.url);
    await untilShared(world.writers);
    const release = await world.holdLanes(Array.from({ length: 16 }, (_, each) => each));
    const [a, b] = [fresh(), fresh()];
    const outcomes = [
      upsert('friends', friend(a, b)),
      upsert('friends', friend(b)),
      // Held back by the first half, as the fate of the first hangs on the second.
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

  test('leaves nothing to suspect behind when it leaves in order', async () => {
    const world = await startWorld(database.url);
    await untilShared(world.writers);
    await world.writers[0]!.stop();
    await untilShared([await world.startWriter()]);
    expect(await world.sql('select lane from sluice.lane where suspect_since is not null')).toEqual([]);
  });
});
