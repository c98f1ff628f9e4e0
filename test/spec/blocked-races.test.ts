// What a blocked write waits for changes at the worst moment, which failpoints cause: no write is lost.
//
// Each test was seen to fail without its rule. (*): while the look slice by slice, which would have made up for it, was
// put off.
//
// - wakes when the provider commits, between its read and its blocking and after: the second read (*)
// - is refused when the provider is refused, between its read and its blocking and after: the second read (*)
// - wakes by the hint of the leader that provides it later: the hint (*)
// - wakes by the next leader when its own fails, is terminated: the look at once when lanes are taken over (*)
// - wakes when the leader that provides it dies between its commit and its hint: the look slice by slice
// - is refused when the provider is deleted before its second look: the second look (*)
// - waits on when it may and the provider is deleted before its second look: that only who may not wait on is refused
// - waits on when the provider is deleted while it is planned again: the foreign key of sluice.reference
// - in two lanes, in three lanes are settled together: the search for writes that await only each other
// - are settled together by the next leader: that a new leader looks for cycles among its blocked writes
// - loses the write in front, and the others come to pass: that a cycle without an order is broken

import type { WriteRequest } from 'sluice/internal/client';
import { setFailpoint, type Failpoint, type Outcome } from 'sluice/internal/protocol';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import {
  enrolment,
  fresh,
  freshIn,
  friend,
  remove,
  startWorld,
  untilEven,
  upsert,
  type World,
  type WorldOptions,
} from '../support/world.ts';

interface Two {
  world: World;
  /** Lanes of the writer whose writes wait. */
  near: number[];
  /** Lanes of the writer whose writes are waited for. */
  far: number[];
}

async function startTwo(url: string, options: WorldOptions = {}): Promise<Two> {
  const world = await startWorld(url, {
    writers: 2,
    ...options,
    writer: { spread: 'even', ...options.writer },
  });
  await untilEven(world.writers);
  const [near, far] = world.writers.map((writer) => writer.status().lanes);
  return { world, near: near!, far: far! };
}

/** What the leader of these lanes does at a failpoint, the first time that it gets there. */
function onceAt(point: Failpoint, led: readonly number[], action: () => Promise<void> | void): void {
  let isDone = false;
  setFailpoint(point, async (lanes) => {
    if (isDone || !led.every((lane) => lanes.includes(lane))) return;
    isDone = true;
    await action();
  });
  onTestFinished(() => setFailpoint(point, null));
}

interface Gate {
  isOpen: Promise<void>;
  open: () => void;
}

function gate(): Gate {
  let open = (): void => undefined;
  const isOpen = new Promise<void>((resolve) => (open = resolve));
  onTestFinished(() => open());
  return { isOpen, open };
}

/** Holds the leader of these lanes at a failpoint, the first time that it gets there. */
function holdAt(point: Failpoint, led: readonly number[]): { isReached: Promise<void>; release: () => void } {
  const [reached, released] = [gate(), gate()];
  onceAt(point, led, async () => {
    reached.open();
    await released.isOpen;
  });
  return { isReached: reached.isOpen, release: released.open };
}

/** Holds both leaders at a failpoint until both have got there. */
function meetAt(point: Failpoint, ...leaders: (readonly number[])[]): void {
  const met = gate();
  const missing = new Set(leaders.map(([lane]) => lane));
  setFailpoint(point, async (lanes) => {
    for (const lane of lanes) missing.delete(lane);
    if (missing.size === 0) met.open();
    await met.isOpen;
  });
  onTestFinished(() => setFailpoint(point, null));
}

function die(): never {
  throw new Error('Ended by a test');
}

async function untilCount(world: World, condition: string, count: number): Promise<void> {
  await eventually(async () => {
    const rows = await world.sql(`select count(*)::int as n from sluice.intake where ${condition}`);
    expect(rows).toEqual([{ n: count }]);
  });
}

const untilAccepted = (world: World, count: number): Promise<void> => untilCount(world, 'true', count);
const untilBlocked = (world: World, count: number): Promise<void> =>
  untilCount(world, 'blocked_at is not null', count);

/** Until the idle leader of a lane has had another heartbeat. */
async function untilHeartbeat(world: World, lane: number): Promise<void> {
  const [row] = await world.sql('select clock_timestamp()::text as now');
  await eventually(async () =>
    expect(
      await world.sql(
        `select 1 as seen from sluice.lane l join pg_stat_activity a on a.pid = l.session_pid
         where l.lane = $1 and a.state = 'idle' and a.query_start > $2::timestamptz`,
        [lane, row!['now']],
      ),
    ).toHaveLength(1),
  );
}

async function expectNothingLeft(world: World): Promise<void> {
  expect(await world.sql('select from sluice.intake')).toEqual([]);
  expect(await world.sql('select from sluice.awaited')).toEqual([]);
  expect(await world.sql('select from sluice.dead_letter')).toEqual([]);
}

/** References that lead to no document. */
async function expectNoneDangling(world: World): Promise<void> {
  const dangling = await world.sql(
    `select from sluice.reference r
     where not exists (select from sluice.alias a where a.referential_id = r.referential_id)`,
  );
  expect(dangling).toEqual([]);
}

const resultsOf = async (submitted: Promise<Outcome>[]): Promise<string[]> =>
  (await Promise.all(submitted)).map(({ code, result }) => code ?? result);

const wait = { waitForReferencesSeconds: 60 };

describe('a write that waits for another leader', () => {
  const database = useDatabase();

  /** An enrolment of the near writer, and the school of the far writer that it needs. */
  async function setup(): Promise<Two & { school: WriteRequest; child: WriteRequest }> {
    const two = await startTwo(database.url);
    const schoolId = freshIn(two.far, (id) => upsert('schools', { schoolId: id }));
    const childId = freshIn(two.near, (id) => upsert('enrolments', enrolment(id, schoolId)));
    return {
      ...two,
      school: upsert('schools', { schoolId }),
      child: upsert('enrolments', enrolment(childId, schoolId)),
    };
  }

  test.each<[moment: string, point: Failpoint]>([
    ['between its look and its setting aside', 'facts_read'],
    ['between its setting aside and its second look', 'committed'],
  ])('a write that waits for another leader wakes when the provider commits %s', async (_, point) => {
    const { world, near, far, school, child } = await setup();
    const releaseFar = await world.holdLanes(far);
    const provided = world.submit(school);
    await untilAccepted(world, 1);
    const held = holdAt(point, near);
    const waiting = world.submit(child);
    await held.isReached;
    await releaseFar();
    expect(await provided).toMatchObject({ result: 'created' });
    held.release();
    expect(await waiting).toMatchObject({ result: 'created' });
    await expectNothingLeft(world);
  });

  test.each<[moment: string, point: Failpoint]>([
    ['between its look and its setting aside', 'facts_read'],
    ['between its setting aside and its second look', 'committed'],
  ])('a write that waits for another leader is refused when the provider is refused %s', async (_, point) => {
    const { world, near, far } = await setup();
    const needed = freshIn(far, (id) => upsert('friends', friend(id)));
    const own = freshIn(near, (id) => upsert('friends', friend(id)));
    const releaseFar = await world.holdLanes(far);
    const refused = world.submit(upsert('friends', friend(needed, fresh())));
    await untilAccepted(world, 1);
    const held = holdAt(point, near);
    const waiting = world.submit(upsert('friends', friend(own, needed)));
    await held.isReached;
    await releaseFar();
    expect(await refused).toMatchObject({ code: 'unresolved_reference' });
    held.release();
    expect(await waiting).toMatchObject({ code: 'unresolved_reference' });
    await expectNothingLeft(world);
  });

  test('a waiting write wakes by the hint of the leader that provides the document later', async () => {
    const { world, near, far, school, child } = await setup();
    const waiting = world.submit({ ...child, ...wait });
    await untilBlocked(world, 1);
    await untilHeartbeat(world, near[0]!);
    await untilHeartbeat(world, far[0]!);
    expect(await world.submit(school)).toMatchObject({ result: 'created' });
    expect(await waiting).toMatchObject({ result: 'created' });
    await expectNothingLeft(world);
  });

  test.each([
    ['fails', false],
    ['is terminated', true],
  ])('a write that is blocked when its own leader %s wakes by the next leader', async (_, isTerminated) => {
    const { world, near, far, school, child } = await setup();
    const releaseFar = await world.holdLanes(far);
    const provided = world.submit(school);
    await untilAccepted(world, 1);
    const [reached, released] = [gate(), gate()];
    onceAt('committed', near, async () => {
      reached.open();
      await released.isOpen;
      if (!isTerminated) die();
    });
    const waiting = world.submit(child);
    await reached.isOpen;
    await untilBlocked(world, 1);
    if (isTerminated) {
      await world.sql('select pg_terminate_backend(session_pid, 5000) from sluice.lane where lane = $1', [
        near[0],
      ]);
    }
    await releaseFar();
    expect(await provided).toMatchObject({ result: 'created' });
    released.open();
    expect(await waiting).toMatchObject({ result: 'created' });
    await expectNothingLeft(world);
  });

  test('a waiting write wakes when the providing leader dies between its commit and its hint', async () => {
    const { world, far, school, child } = await setup();
    const waiting = world.submit({ ...child, ...wait });
    await untilBlocked(world, 1);
    await untilHeartbeat(world, far[0]!);
    onceAt('committed', far, die);
    expect(await world.submit(school)).toMatchObject({ result: 'created' });
    expect(await waiting).toMatchObject({ result: 'created' });
    await expectNothingLeft(world);
  });

  test('a waiting write is refused when the provider is deleted before its second read', async () => {
    const { world, near, far, school, child } = await setup();
    const releaseFar = await world.holdLanes(far);
    const provided = world.submit(school);
    await untilAccepted(world, 1);
    const held = holdAt('committed', near);
    const waiting = world.submit(child);
    await held.isReached;
    await releaseFar();
    const { documentId } = await provided;
    expect(await world.submit(remove('schools', documentId!))).toMatchObject({ result: 'deleted' });
    held.release();
    expect(await waiting).toMatchObject({ code: 'unresolved_reference' });
    await expectNothingLeft(world);
    await expectNoneDangling(world);
  });

  test('a write with a deadline waits on when the provider is deleted before its second read', async () => {
    const { world, near, far, school, child } = await setup();
    const releaseFar = await world.holdLanes(far);
    const provided = world.submit(school);
    await untilAccepted(world, 1);
    const held = holdAt('committed', near);
    const waiting = world.submit({ ...child, ...wait });
    await held.isReached;
    await releaseFar();
    const { documentId } = await provided;
    expect(await world.submit(remove('schools', documentId!))).toMatchObject({ result: 'deleted' });
    held.release();
    await untilHeartbeat(world, near[0]!);
    await untilBlocked(world, 1);
    await untilHeartbeat(world, far[0]!);
    expect(await world.submit(school)).toMatchObject({ result: 'created' });
    expect(await waiting).toMatchObject({ result: 'created' });
    await expectNothingLeft(world);
    await expectNoneDangling(world);
  });

  test('a waiting write waits on when the provider is deleted while the write is planned again', async () => {
    const { world, near, far, school, child } = await setup();
    const waiting = world.submit({ ...child, ...wait });
    await untilBlocked(world, 1);
    const held = holdAt('facts_read', near);
    const { documentId } = await world.submit(school);
    await held.isReached;
    expect(await world.submit(remove('schools', documentId!))).toMatchObject({ result: 'deleted' });
    held.release();
    await untilBlocked(world, 1);
    await untilHeartbeat(world, far[0]!);
    expect(await world.submit(school)).toMatchObject({ result: 'created' });
    expect(await waiting).toMatchObject({ result: 'created' });
    await expectNothingLeft(world);
    await expectNoneDangling(world);
  });
});

describe('writes that wait for each other', () => {
  const database = useDatabase();

  const friendIn = (lanes: readonly number[]): number =>
    freshIn(lanes, (id) => upsert('friends', friend(id)));

  /** Submits all before any leader looks. Each sees the others on their way, and no one sees another blocked. */
  async function submitAtOnce({ world, near, far }: Two, documents: object[]): Promise<Promise<Outcome>[]> {
    const release = await world.pauseLanes([...near, ...far]);
    const submitted = documents.map((document) => world.submit(upsert('friends', document)));
    await untilAccepted(world, documents.length);
    meetAt('facts_read', near, far);
    meetAt('committed', near, far);
    await release();
    return submitted;
  }

  async function expectOneBatch(world: World, submitted: Promise<Outcome>[]): Promise<void> {
    const ids = (await Promise.all(submitted)).map(({ writeId }) => writeId);
    expect(
      await world.sql(
        'select count(distinct batch_id)::int as n from sluice.outcome where write_id = any($1)',
        [ids],
      ),
    ).toEqual([{ n: 1 }]);
  }

  test('a cycle in two lanes is settled together when both leaders block their writes at the same time', async () => {
    const two = await startTwo(database.url);
    const [a, b] = [friendIn(two.near), friendIn(two.far)];
    const submitted = await submitAtOnce(two, [friend(a, b), friend(b, a)]);
    expect(await resultsOf(submitted)).toEqual(['created', 'created']);
    await expectOneBatch(two.world, submitted);
    await expectNothingLeft(two.world);
  });

  test('a cycle in three lanes is settled together when both leaders block their writes at the same time', async () => {
    const two = await startTwo(database.url);
    const [a, b, c] = [friendIn([two.near[0]!]), friendIn(two.far), friendIn([two.near[1]!])];
    const submitted = await submitAtOnce(two, [friend(a, b), friend(b, c), friend(c, a)]);
    expect(await resultsOf(submitted)).toEqual(['created', 'created', 'created']);
    await expectOneBatch(two.world, submitted);
    await expectNothingLeft(two.world);
  });

  test('a cycle is settled by the next leader when the one that closed it dies', async () => {
    const { world, near, far } = await startTwo(database.url);
    const [a, b] = [friendIn(near), friendIn(far)];
    const first = world.submit(upsert('friends', friend(b, a), wait));
    await untilBlocked(world, 1);
    await untilHeartbeat(world, far[0]!);
    onceAt('committed', near, die);
    const submitted = [first, world.submit(upsert('friends', friend(a, b)))];
    expect(await resultsOf(submitted)).toEqual(['created', 'created']);
    await expectOneBatch(world, submitted);
    await expectNothingLeft(world);
  });
});

describe('a cycle in which one write blocks another', () => {
  const database = useDatabase();
  // A school and a district cannot both be the same organization: the earlier blocks the later.
  const schoolOf = (schoolId: number, noteId: number): WriteRequest =>
    upsert('schools', { schoolId, noteReference: { noteId } });
  const noteOf = (noteId: number, districtId: number): WriteRequest =>
    upsert('notes', { noteId, districtReference: { districtId } });

  test.each(['note', 'district'])(
    'a cycle loses the write that blocks another, and commits the others, when the %s comes last',
    async (last) => {
      const { world, near, far } = await startTwo(database.url);
      const organizationId = freshIn(near, (id) => schoolOf(id, 0));
      const noteId = freshIn(far, (id) => noteOf(id, organizationId));
      const school = world.submit({ ...schoolOf(organizationId, noteId), ...wait });
      await untilBlocked(world, 1);
      const rest = [
        () => world.submit(upsert('districts', { districtId: organizationId })),
        () => world.submit({ ...noteOf(noteId, organizationId), ...wait }),
      ];
      if (last === 'district') rest.reverse();
      const first = rest[0]!();
      await untilBlocked(world, 2);
      const second = rest[1]!();
      expect(await school).toMatchObject({ result: 'refused', code: 'unresolved_reference' });
      expect((await school).detail?.missing).toMatchObject([{ resource: 'Note', path: '$.noteReference' }]);
      expect(await resultsOf([first, second])).toEqual(['created', 'created']);
      await expectNothingLeft(world);
      await expectNoneDangling(world);
    },
  );
});
