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

test('an allowance permits a few attempts together, and then a fixed number a second', () => {
  const allowance = allow();
  expect(takenIn(allowance, 0)).toBe(3);
  expect(Math.abs(takenIn(allowance, 10) - 100)).toBeLessThanOrEqual(1);
});

test('an allowance permits the next attempt within the interval, however many were spent', () => {
  const allowance = allow();
  for (let count = 0; count < 1000; count++) allowance.spend();
  expect(allowance.waitMs).toBeCloseTo(100);
  time += 100;
  expect(allowance.waitMs).toBe(0);
});

test('the wait of an allowance is never too short to pass', () => {
  const allowance = allow();
  for (let count = 0; count < 3; count++) allowance.spend();
  time += 99.999_999_999_99;
  expect(allowance.waitMs).toBe(1);
});

test('useful attempts pay for useless ones, and save up no more than a few', () => {
  const allowance = allow();
  for (let count = 0; count < 100; count++) allowance.giveBack();
  expect(takenIn(allowance, 0)).toBe(3);
  for (let count = 0; count < 100; count++) {
    allowance.giveBack();
    expect(allowance.waitMs).toBe(0);
    allowance.spend();
  }
});
