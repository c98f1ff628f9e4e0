import { expect, test } from 'vitest';
import { LockedLanes } from './locked-lanes.ts';

test('a lane that cannot go on rests for doubling pauses, and is reported after about a second', () => {
  let now = 0;
  const lockedLanes = new LockedLanes(() => now);
  const told: number[] = [];
  for (let tries = 1; tries <= 18; tries++) {
    lockedLanes.note([3]);
    expect(lockedLanes.isResting(3)).toBe(true);
    expect(lockedLanes.isResting(4)).toBe(false);
    if (lockedLanes.toTell([3]).length > 0) told.push(now);
    now += lockedLanes.nextIn([3]);
    expect(lockedLanes.isResting(3)).toBe(false);
  }
  expect(told).toEqual([754, 1754, 2754]);
  expect(lockedLanes.clear([3, 4])).toEqual([3]);
  expect(lockedLanes.nextIn([3])).toBe(Infinity);
});
