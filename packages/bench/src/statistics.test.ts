import { describe, expect, test } from 'vitest';
import { median, percentile, summarize } from './statistics.ts';

describe('a summary', () => {
  test('a summary has the median, the mean of the two middle values if there are two, and the spread', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(summarize([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  });

  test('a summary counts percentiles by rank, and has none for an empty sample', () => {
    const sorted = Float64Array.from({ length: 100 }, (_, index) => index + 1);
    expect([50, 99, 100].map((percent) => percentile(sorted, percent))).toEqual([50, 99, 100]);
    expect(percentile(new Float64Array(0), 50)).toBeNull();
  });
});
