import { expect, test } from 'vitest';
import { Allowance } from './allowance.ts';

let time = 0;
const allow = (): Allowance => new Allowance({ burst: 3, perSecond: 10, now: () => time });

/** How many are taken in so many seconds, each as soon as it is allowed. */
const takenIn = (allowance: Allowance, seconds: number): number => {
  let taken = 0;
  for (const end = time + seconds * 1000; ; taken++) {
    time += allowance.waitMs;
    if (time > end) return taken;
    allowance.spend();
  }
};

test('an allowance is a few at once, and then so many a second', () => {
  const allowance = allow();
  expect(takenIn(allowance, 0)).toBe(3);
  expect(Math.abs(takenIn(allowance, 10) - 100)).toBeLessThanOrEqual(1);
});

test('the next is always allowed within the interval, however many were spent before', () => {
  const allowance = allow();
  for (let count = 0; count < 1000; count++) allowance.spend();
  expect(allowance.waitMs).toBeCloseTo(100);
  time += 100;
  expect(allowance.waitMs).toBe(0);
});

test('a wait is never too short to pass', () => {
  const allowance = allow();
  for (let count = 0; count < 3; count++) allowance.spend();
  time += 99.999_999_999_99;
  expect(allowance.waitMs).toBe(1);
});

test('what was worth it pays for what was not, and saves up no more than a few', () => {
  const allowance = allow();
  for (let count = 0; count < 100; count++) allowance.giveBack();
  expect(takenIn(allowance, 0)).toBe(3);
  for (let count = 0; count < 100; count++) {
    allowance.giveBack();
    expect(allowance.waitMs).toBe(0);
    allowance.spend();
  }
});
