// The quarantine alone, over real lanes: which part it tries next, and what it notes of that before it does.

import { Session } from 'sluice/internal/store';
import { expect, onTestFinished, test } from 'vitest';
import { Quarantine, type Tried } from '../../packages/sluice/src/writer/quarantine.ts';
import { useDatabase } from '../support/database.ts';
import { openConnection, sql, type SqlRow } from '../support/sql.ts';
import { freshIn, startWorld, upsert } from '../support/world.ts';

const database = useDatabase();
const note = (noteId: number): ReturnType<typeof upsert> => upsert('notes', { noteId });

interface Setup {
  quarantine: Quarantine;
  /** Lanes and writes that were tried, and what was noted in the lanes at that moment. */
  tried: { lanes: readonly number[]; only: readonly string[] | null; noted: SqlRow[] }[];
  aside: number[];
  /** What a try comes to. */
  becomes: Tried;
  dead: { lane: number; writeId: string; deaths: number }[];
  notes: () => Promise<SqlRow[]>;
}

/** Takes lanes over after so many tries that their leaders did not survive. */
async function takeOver(lanes: Record<number, { trials: number; tried?: string }>): Promise<Setup> {
  const led = Object.keys(lanes).map(Number);
  await startWorld(database.url, { writers: 0 });
  const session = await Session.open({ url: database.writerUrl, applicationName: 'quarantine' });
  onTestFinished(() => session.close());
  await sql(database.url, 'update sluice.lane set suspect_since = null');
  for (const [lane, { trials, tried = null }] of Object.entries(lanes)) {
    await sql(
      database.url,
      'update sluice.lane set term = 1, suspect_since = clock_timestamp(), trials = $2, tried = $3 where lane = $1',
      [lane, trials, tried],
    );
  }
  const notes = (): Promise<SqlRow[]> =>
    sql(
      database.url,
      'select lane, trials, tried from sluice.lane where suspect_since is not null order by lane',
    );
  const setup: Setup = {
    tried: [],
    aside: [],
    dead: [],
    becomes: { settled: 1, deferred: 0, leftOut: new Set() },
    notes,
    quarantine: new Quarantine(session, {
      terms: new Map(led.map((lane) => [lane, 1])),
      writesMax: 512,
      isResting: (lane) => setup.aside.includes(lane),
      onLocked: (locked) => void setup.aside.push(...locked),
      async settle(of, only) {
        setup.tried.push({ lanes: of, only, noted: await notes() });
        return setup.becomes;
      },
      async makeDeadLetter(lane, writeId, deaths) {
        setup.dead.push({ lane, writeId, deaths });
        await sql(database.url, 'delete from sluice.intake where write_id = $1', [writeId]);
      },
    }),
  };
  setup.quarantine.take(
    led.map((lane) => {
      const { trials, tried = null } = lanes[lane]!;
      return { lane, term: 1, isQuarantined: true, tries: trials, tried };
    }),
  );
  return setup;
}

test('lanes that were not tried yet are tried together, and the try is recorded first', async () => {
  const { quarantine, tried, notes } = await takeOver({ 1: { trials: 0 }, 2: { trials: 0 } });
  expect(quarantine.isDue).toBe(true);
  await quarantine.tryNext();
  const noted = [1, 2].map((lane) => ({ lane, trials: 1, tried: null }));
  expect(tried).toEqual([{ lanes: [1, 2], only: null, noted }]);
  expect(await notes()).toEqual([]);
  expect(quarantine.isDue).toBe(false);
});

test('a lane whose try with others failed is tried alone, after lanes with fewer deaths', async () => {
  const { quarantine, tried } = await takeOver({ 1: { trials: 1 }, 2: { trials: 0 }, 3: { trials: 1 } });
  for (let step = 0; step < 3; step++) await quarantine.tryNext();
  expect(tried.map(({ lanes }) => lanes)).toEqual([[2], [1], [3]]);
  expect(tried[1]?.noted).toEqual([
    { lane: 1, trials: 2, tried: null },
    { lane: 3, trials: 1, tried: null },
  ]);
  expect(quarantine.isDue).toBe(false);
});

test('a try that has deferred writes leaves its lanes in quarantine', async () => {
  const setup = await takeOver({ 1: { trials: 0 } });
  setup.becomes = { settled: 3, deferred: 1, leftOut: new Set() };
  await setup.quarantine.tryNext();
  expect(await setup.notes()).toHaveLength(1);
  setup.becomes = { settled: 1, deferred: 0, leftOut: new Set() };
  await setup.quarantine.tryNext();
  expect(await setup.notes()).toEqual([]);
  // Tried twice, begun once.
  expect(setup.tried.map(({ noted }) => noted)).toEqual([
    [{ lane: 1, trials: 1, tried: null }],
    [{ lane: 1, trials: 1, tried: null }],
  ]);
});

test('a lane whose row another transaction has locked is left out, and the others are released', async () => {
  const setup = await takeOver({ 1: { trials: 0 }, 2: { trials: 0 } });
  const holder = await openConnection(database.url);
  await holder.query('begin');
  await holder.query('select from sluice.lane where lane = 1 for update');
  await setup.quarantine.tryNext();
  expect(setup.tried.map(({ lanes }) => lanes)).toEqual([[2]]);
  expect(setup.aside).toEqual([1]);
  expect(setup.quarantine.has(1)).toBe(true);
  expect(setup.quarantine.isDue).toBe(false);
  await holder.query('rollback');
  setup.aside.length = 0;
  await setup.quarantine.tryNext();
  expect(await setup.notes()).toEqual([]);
});

test('a lane that a batch has left out stays in quarantine', async () => {
  const setup = await takeOver({ 1: { trials: 0 }, 2: { trials: 0 } });
  setup.becomes = { settled: 1, deferred: 0, leftOut: new Set([2]) };
  await setup.quarantine.tryNext();
  expect(await setup.notes()).toEqual([{ lane: 2, trials: 1, tried: null }]);
});

test('a write that three leaders did not survive alone becomes a dead letter, and the next is tried', async () => {
  const lane = 5;
  const world = await startWorld(database.url, { writers: 0, client: { leaderGraceMs: 600_000 } });
  const accept = async (): Promise<string> => (await world.node.accept(note(freshIn([lane], note)))).writeId;
  const [killer, innocent] = [await accept(), await accept()];
  const { quarantine, dead, tried, notes } = await takeOver({ [lane]: { trials: 5, tried: killer } });
  await quarantine.tryNext();
  expect(dead).toEqual([{ lane, writeId: killer, deaths: 3 }]);
  await quarantine.tryNext();
  expect(tried).toEqual([{ lanes: [lane], only: [innocent], noted: [{ lane, trials: 3, tried: innocent }] }]);
  await sql(database.url, 'delete from sluice.intake where write_id = $1', [innocent]);
  await quarantine.tryNext();
  expect(await notes()).toEqual([]);
});

test('a write that has woken ahead of a killing write is tried first, and not blamed for the deaths', async () => {
  const lane = 6;
  const world = await startWorld(database.url, { writers: 0, client: { leaderGraceMs: 600_000 } });
  const accept = async (): Promise<string> => (await world.node.accept(note(freshIn([lane], note)))).writeId;
  const [woken, killer] = [await accept(), await accept()];
  const { quarantine, dead, tried } = await takeOver({ [lane]: { trials: 5, tried: killer } });
  await quarantine.tryNext();
  expect(dead).toEqual([]);
  expect(tried.map(({ only }) => only)).toEqual([[woken]]);
  await sql(database.url, 'delete from sluice.intake where write_id = $1', [woken]);
  await quarantine.tryNext();
  expect(dead).toEqual([{ lane, writeId: killer, deaths: 3 }]);
});
