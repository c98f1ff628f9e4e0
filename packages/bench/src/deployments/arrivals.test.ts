import { expect, test } from 'vitest';
import { arrivals, patternNames, shapes, type Pattern } from './arrivals.ts';

const take = (perSecond: number, seed: number, count: number): number[] => {
  const source = arrivals(perSecond, seed);
  return Array.from({ length: count }, () => source.next().value);
};

test('arrivals come at the rate, at random intervals', () => {
  const times = take(250, 1, 20_000);
  expect(times.at(-1)! / 1000).toBeGreaterThan(76);
  expect(times.at(-1)! / 1000).toBeLessThan(84);
  const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
  // Of exponential intervals the share 1 − 1/e is shorter than the mean.
  const short = gaps.filter((gap) => gap < 4).length / gaps.length;
  expect(short).toBeGreaterThan(0.62);
  expect(short).toBeLessThan(0.645);
  expect(gaps.every((gap) => gap >= 0)).toBe(true);
});

test('arrivals of one seed are the same, those of another differ', () => {
  expect(take(20, 7, 5)).toEqual(take(20, 7, 5));
  expect(take(20, 7, 5)).not.toEqual(take(20, 8, 5));
});

/** A part of a period of each pattern, and the share of arrivals in it. */
const parts: Record<Pattern, { isIn: (ms: number) => boolean; share: number }> = {
  steady: { isIn: (ms) => ms % 2000 < 1000, share: 0.5 },
  bursts: { isIn: (ms) => ms % 200 < 20, share: 1 },
  'on-off': { isIn: (ms) => ms % 2000 < 1000, share: 0.98 },
  ramp: { isIn: (ms) => ms % 4000 >= 1000 && ms % 4000 < 3000, share: 0.75 },
};

test.each(patternNames)('arrivals of the pattern %s have the mean rate, and follow its shape', (pattern) => {
  const { isIn, share } = parts[pattern];
  const count = { all: 0, part: 0 };
  for (const atMs of arrivals(500, 1, shapes[pattern])) {
    if (atMs >= 40_000) break;
    count.all += 1;
    if (isIn(atMs)) count.part += 1;
  }
  expect(count.all / 40).toBeGreaterThan(475);
  expect(count.all / 40).toBeLessThan(525);
  expect(Math.abs(count.part / count.all - share)).toBeLessThan(0.015);
});
