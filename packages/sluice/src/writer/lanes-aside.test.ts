import { expect, test } from 'vitest';
import { LanesAside } from './lanes-aside.ts';

test('a lane that cannot go on rests for doubling pauses, and is reported after about a second', () => {
  let now = 0;
  const aside = new LanesAside(() => now);
  const told: number[] = [];
  for (let tries = 1; tries <= 18; tries++) {
    aside.note([3]);
    expect(aside.isResting(3)).toBe(true);
    expect(aside.isResting(4)).toBe(false);
    if (aside.toTell([3]).length > 0) told.push(now);
    now += aside.nextIn([3]);
    expect(aside.isResting(3)).toBe(false);
  }
  expect(told).toEqual([754, 1754, 2754]);
  expect(aside.clear([3, 4])).toEqual([3]);
  expect(aside.nextIn([3])).toBe(Infinity);
});
