import type { BatchReport } from '#batch';
import { expect, test } from 'vitest';
import { LockWaits } from './lock-waits.ts';

type Blocked = BatchReport['blocked'][number];
const header = (writeId: string, lane = 0) => ({ writeId, lane }) as Blocked['write'];
const waiting = (writeId: string, lane = 0): Blocked => ({ write: header(writeId, lane), awaits: [writeId] });
const left = (more: Partial<BatchReport>) => ({
  outcomes: [],
  deferred: [],
  blocked: [],
  waited: [],
  ...more,
});
const lanes = new Set([0]);

test('a write that waits for a visible lock is tried after doubling pauses up to a quarter of a second', () => {
  let now = 0;
  const waits = new LockWaits(() => now);
  const pauses = Array.from({ length: 8 }, () => {
    waits.note(left({ blocked: [waiting('a')] }), 40);
    expect(waits.due(lanes)).toBeNull();
    const pause = waits.nextIn(lanes);
    now += pause;
    expect(waits.due(lanes)).toMatchObject({ writeIds: ['a'] });
    return pause;
  });
  expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 250, 250]);
});

test('tries that wait for a lock take a twentieth of the time, and come at least every two seconds', () => {
  let now = 0;
  const waits = new LockWaits(() => now);
  const noted = (tookMs: number): number => {
    waits.note(left({ blocked: [waiting('a')], waited: [header('a')] }), tookMs);
    const pause = waits.nextIn(lanes);
    now += pause;
    return pause;
  };
  expect([noted(25), noted(50), noted(200), noted(4)]).toEqual([500, 1000, 2000, 80]);
});

test('quick tries are not mixed with tries that wait, nor with writes of other lanes', () => {
  let now = 0;
  const waits = new LockWaits(() => now);
  waits.note(
    left({ blocked: [waiting('slow'), waiting('quick'), waiting('far', 7)], waited: [header('slow')] }),
    0,
  );
  now = 1000;
  expect(waits.due(lanes)).toMatchObject({ writeIds: ['quick'], lanes: [0], lockWaitMs: 25 });
  waits.forget(['quick']);
  expect(waits.due(lanes)).toMatchObject({ writeIds: ['slow'] });
});

test('a settled write, or one that waits for something else, waits for no lock', () => {
  const waits = new LockWaits(() => 0);
  waits.add('a', 0);
  waits.add('b', 0);
  const outcomes = [{ write: header('a') }] as BatchReport['outcomes'];
  waits.note(left({ outcomes, blocked: [{ write: header('b'), awaits: ['c'] }] }), 0);
  expect(waits.nextIn(lanes)).toBe(Infinity);
});

test('one of several waiting writes is tried for all, and the others once it is settled', () => {
  let now = 0;
  const waits = new LockWaits(() => now);
  const all = ['a', 'b', 'c'];
  waits.note(left({ blocked: all.map((id) => waiting(id)), waited: all.map((id) => header(id)) }), 0);
  now = 1000;
  expect(waits.due(lanes)).toMatchObject({ writeIds: ['a'] });
  waits.note(left({ blocked: [waiting('a')], waited: [header('a')] }), 50);
  expect(waits.due(lanes)).toBeNull();
  expect(waits.nextIn(lanes)).toBe(1000);
  now = 2000;
  expect(waits.due(lanes)).toMatchObject({ writeIds: ['b'] });
  waits.note(left({ outcomes: [{ write: header('b') }] as BatchReport['outcomes'] }), 50);
  expect(waits.due(lanes)).not.toBeNull();
});

test('many locks cost no more tries than one', () => {
  let now = 0;
  const waits = new LockWaits(() => now);
  const ids = Array.from({ length: 10 }, (_, each) => `${each}`);
  for (const id of ids) {
    now += 17;
    waits.note(left({ blocked: [waiting(id)] }), 0);
  }
  let tries = 0;
  for (const end = now + 5000; now < end; now += waits.nextIn(lanes)) {
    const due = waits.due(lanes);
    if (due === null) continue;
    tries += 1;
    waits.note(left({ blocked: due.writeIds.map((id) => waiting(id)) }), 0);
  }
  // Four a second, and some more at the beginning.
  expect(tries).toBeLessThan(30);
});
