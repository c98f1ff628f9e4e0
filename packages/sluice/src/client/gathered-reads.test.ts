import type { Row } from '#store';
import { expect, test } from 'vitest';
import { GatheredReads } from './gathered-reads.ts';

/** Reads that answer when they are told to: even keys are found. */
function setup() {
  const queries: { keys: readonly number[]; answer: () => void; fail: () => void }[] = [];
  const reads = new GatheredReads<number>(
    (keys) =>
      new Promise<Row[]>((resolve, reject) => {
        queries.push({
          keys,
          answer: () =>
            resolve(
              keys
                .map((key, index) => ({ place: index + 1, key }))
                .filter(({ key }) => key % 2 === 0)
                .toReversed(),
            ),
          fail: () => reject(new Error('broken')),
        });
      }),
  );
  return { reads, queries };
}

test('requests that arrive during a read are read together, and each gets its own answer', async () => {
  const { reads, queries } = setup();
  const first = reads.find(0);
  await new Promise(setImmediate);
  const rest = [1, 2, 3, 4].map((key) => reads.find(key));
  queries.at(0)?.answer();
  expect(await first).toMatchObject({ key: 0 });
  await new Promise(setImmediate);
  expect(queries.map(({ keys }) => keys)).toEqual([[0], [1, 2, 3, 4]]);
  queries.at(1)?.answer();
  expect(await Promise.all(rest)).toMatchObject([undefined, { key: 2 }, undefined, { key: 4 }]);
});

test('a failed read fails the requests that share it, and no others', async () => {
  const { reads, queries } = setup();
  const first = reads.find(0).catch((error: unknown) => error);
  await new Promise(setImmediate);
  const second = reads.find(2);
  queries.at(0)?.fail();
  expect(await first).toMatchObject({ message: 'broken' });
  await new Promise(setImmediate);
  queries.at(1)?.answer();
  expect(await second).toMatchObject({ key: 2 });
  const third = reads.find(4);
  await new Promise(setImmediate);
  queries.at(2)?.answer();
  expect(await third).toMatchObject({ key: 4 });
});
