import { expect, test } from 'vitest';
import { arrivals, patternNames, shapes } from './arrivals.ts';

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

test.each(patternNames)('arrivals of the pattern %s have the mean rate, and follow its shape', (pattern) => {
  const count = { all: 0, first: 0 };
  for (const atMs of arrivals(500, 1, shapes[pattern])) {
    if (atMs >= 40_000) break;
    count.all += 1;
    if (atMs % 200 < 20) count.first += 1;
  }
  expect(count.all / 40).toBeGreaterThan(475);
  expect(count.all / 40).toBeLessThan(525);
  expect(count.first / count.all).toBeCloseTo(pattern === 'bursts' ? 1 : 0.1, 1);
});
