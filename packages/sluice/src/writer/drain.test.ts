import { describe, expect, test } from 'vitest';
import { Drain } from './drain.ts';
import { BatchPlaces, Gathering, type BatchPlace } from '#protocol';
import type { Found } from './elector.ts';
import type { LaneBatch } from './lane-batches.ts';
import { LockedLanes } from './locked-lanes.ts';
import type { WokenBy } from './observer.ts';
import { Hints } from './wakeups.ts';

interface Setup {
  drain: Drain;
  /** Of all stores of the process. */
  batchPlaces: BatchPlaces;
  lockedLanes: LockedLanes;
  reads: Hints;
  /** Lanes of the batches so far. */
  drained: (readonly number[])[];
  wokenBy: WokenBy[];
  /** What the next batches come to. */
  batch: { seen: number; deferred?: number; woken?: number; hasOtherLanes?: boolean };
  isListening: boolean;
  isHearing: boolean;
  /** The clock by which it gathers; a batch takes ten milliseconds. */
  now: number;
}

function setup(): Setup {
  const lockedLanes = new LockedLanes(() => 0);
  const gathering = new Gathering({
    worthWrites: 1,
    enoughWrites: 1000,
    intervalMsMax: 50,
    now: () => made.now,
  });
  const reads = new Hints({ burst: 25, perSecond: 50 }, () => undefined, gathering);
  const made: Setup = {
    batchPlaces: new BatchPlaces(),
    lockedLanes,
    reads,
    drained: [],
    wokenBy: [],
    batch: { seen: 1 },
    isListening: true,
    isHearing: true,
    now: 0,
    drain: null!,
  };
  const settle = (lanes: readonly number[]): Promise<LaneBatch> => {
    made.drained.push(lanes);
    made.now += 10;
    const { seen, deferred = 0, woken = 0, hasOtherLanes = false } = made.batch;
    const report = { deferred: Array.from({ length: deferred }) };
    return Promise.resolve({ report, seen, woken, leftOut: new Set(), hasOtherLanes } as never);
  };
  made.drain = new Drain({
    batchWritesMax: 10,
    batchPlaces: made.batchPlaces,
    batches: { settle } as never,
    lockedLanes,
    reads,
    isListening: () => made.isListening,
    isHearing: () => made.isHearing,
    onWoken: (by) => void made.wokenBy.push(by),
  });
  return made;
}

const finding = (more: Partial<Found> = {}): Found => ({
  hasReady: true,
  hasOverdue: false,
  hasBlocked: false,
  hasBlockedElsewhere: false,
  hasResumed: false,
  isDraining: false,
  sessionPids: [],
  ...more,
});

describe('the drain', () => {
  test('the drain reads only after a hint, or after a heartbeat that found something', async () => {
    const { drain, drained, reads } = setup();
    await drain.settleNext([1, 2], true, finding());
    expect(drained).toEqual([]);
    reads.hint();
    await drain.settleNext([1, 2], true, null);
    expect(drained).toEqual([[1, 2]]);
    expect(drain.mayHaveReady).toBe(false);
    drain.hear(finding());
    await drain.settleNext([1, 2], true, finding());
    expect(drained).toHaveLength(2);
  });

  test.each([
    ['the batch was full', { seen: 10 }],
    ['the batch has deferred a write', { seen: 2, deferred: 1 }],
    ['blocked writes have woken', { seen: 2, woken: 1 }],
    ['other lanes can go on now', { seen: 0, hasOtherLanes: true }],
  ])('the drain goes on if %s', async (_why, batch) => {
    const made = setup();
    made.batch = batch;
    made.reads.hint();
    await made.drain.settleNext([1], true, null);
    expect(made.drain.mayHaveReady).toBe(true);
  });

  test('the drain goes on without hints until a read finds nothing', async () => {
    const made = setup();
    made.isListening = false;
    made.drain.hear(finding());
    await made.drain.settleNext([1], true, finding());
    expect(made.drain.mayHaveReady).toBe(true);
    made.batch = { seen: 0 };
    await made.drain.settleNext([1], false, null);
    expect(made.drain.mayHaveReady).toBe(false);
  });

  test('the drain waits for more writes where many arrive during a batch', async () => {
    const made = setup();
    made.batch = { seen: 9 };
    for (let hint = 0; hint < 30; hint++) {
      made.reads.hint();
      await made.drain.settleNext([1], true, null);
    }
    // The next batch begins about 25 ms after the last one did, which took 10 of them.
    const { length } = made.drained;
    expect(length).toBeLessThan(30);
    const { dueInMs } = made.reads;
    expect(dueInMs).toBeGreaterThan(10);
    expect(dueInMs).toBeLessThanOrEqual(15);
    made.now += dueInMs;
    await made.drain.settleNext([1], true, null);
    expect(made.drained).toHaveLength(length + 1);
  });

  test('the drain leaves out a lane that cannot go on', async () => {
    const { drain, lockedLanes, reads, drained } = setup();
    lockedLanes.note([2]);
    reads.hint();
    await drain.settleNext([1, 2], true, null);
    expect(drained).toEqual([[1]]);
  });

  test('the drain tries again after a failed batch', async () => {
    const made = setup();
    made.drained.push = () => {
      throw new Error('lost');
    };
    made.reads.hint();
    await expect(made.drain.settleNext([1], true, null)).rejects.toThrow('lost');
    expect(made.drain.mayHaveReady).toBe(true);
  });

  test('the drain reports what ended a rest', async () => {
    const made = setup();
    const wakeBy = async (found: Found | null): Promise<void> => {
      if (found === null) made.reads.hint();
      else made.drain.hear(found);
      await made.drain.settleNext([1], true, found);
    };
    await wakeBy(null);
    await wakeBy(finding());
    await wakeBy(finding({ hasOverdue: true }));
    await wakeBy(finding({ hasOverdue: true, hasResumed: true }));
    made.isHearing = false;
    await wakeBy(finding({ hasOverdue: true }));
    made.isListening = false;
    await wakeBy(finding({ hasOverdue: true }));
    await made.drain.settleNext([1], false, null);
    expect(made.wokenBy).toEqual(['hint', 'hint', 'missed_hint', 'hint', 'hint', 'poll']);
  });

  /** Places that batches of other stores have. */
  async function take(batchPlaces: BatchPlaces, count: number): Promise<BatchPlace[]> {
    const taken: BatchPlace[] = [];
    while (taken.length < count) taken.push(await batchPlaces.enter(1));
    return taken;
  }

  test('a batch waits while batches of other stores have all places, and takes the hints of that time', async () => {
    const { drain, drained, reads, batchPlaces } = setup();
    const [other] = await take(batchPlaces, 4);
    reads.hint();
    const settled = drain.settleNext([1], true, null);
    await Promise.resolve();
    expect(drained).toEqual([]);
    reads.hint();
    other?.leave(1);
    await settled;
    expect(drained).toEqual([[1]]);
    expect(reads.isPending).toBe(false);
  });

  test('a batch gives its place back, also if it fails', async () => {
    const made = setup();
    const { drain, reads, batchPlaces } = made;
    const isFree = (): boolean => {
      const place = batchPlaces.enter(1);
      if (place instanceof Promise) return false;
      place.leave(0);
      return true;
    };
    await take(batchPlaces, 3);
    reads.hint();
    await drain.settleNext([1], true, null);
    expect(isFree()).toBe(true);
    made.batch = null!;
    reads.hint();
    await expect(drain.settleNext([1], true, null)).rejects.toThrow('null');
    expect(isFree()).toBe(true);
  });
});
