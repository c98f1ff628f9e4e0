import { describe, expect, test } from 'vitest';
import { summarizeDrain } from './backlog.ts';

/** Batches of ten writes that end at these milliseconds. */
const batchesAt = (...ends: number[]) => ends.map((at) => ({ writes: 10, at }));

describe('a drained backlog', () => {
  test('a drained backlog has a rate for each quarter, in whatever order batches were reported', () => {
    // The first batch only begins the time; then two batches a quarter, which take 100, 200, 200 and 400 ms.
    const batches = batchesAt(1000, 1050, 1100, 1200, 1300, 1400, 1500, 1700, 1900);
    const drained = summarizeDrain(batches.toReversed());
    expect(drained).toEqual({
      documents: 80,
      elapsedMs: 900,
      quarters: [200, 100, 100, 50],
      lastToFirstQuarter: 0.25,
    });
  });

  test('a drained backlog counts a batch that spans two quarters in both', () => {
    const even = batchesAt(0, 100, 200, 300, 400, 500, 600, 700, 800, 900);
    expect(summarizeDrain(even).quarters).toEqual([100, 100, 100, 100]);
  });

  test('a backlog of a few batches is refused, because it tells nothing', () => {
    expect(() => summarizeDrain(batchesAt(0, 1, 2))).toThrow(/Raise --backlog/);
  });
});
