import { expect, test } from 'vitest';
import { takeFront } from './take-front.ts';

const queueOf = (...lengths: (number | null)[]) =>
  lengths.map((length) => ({ write: { body: length === null ? null : 'x'.repeat(length) } }));

test.each([
  ['as many as one statement takes', queueOf(2, 2, 2, null), 3, 3],
  ['all, where there are fewer', queueOf(2, null), 3, 2],
  ['no more than their bodies allow', queueOf(9_000_000, 7_000_000, 1, 1), 512, 2],
  ['one in any case', queueOf(20_000_000, 1), 512, 1],
  ['nothing from nothing', queueOf(), 512, 0],
])('one insert takes from the queue %s', (_what, queue, writesMax, taken) => {
  const all = [...queue];
  expect(takeFront(queue, writesMax)).toEqual(all.slice(0, taken));
  expect(queue).toEqual(all.slice(taken));
});
