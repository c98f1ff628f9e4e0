import { expect, test } from 'vitest';
import { resultsOf, type OpenLoopMeasurement } from './results.ts';

const made = (round: number, writers: number, p50Ms: number, more = {}): OpenLoopMeasurement => ({
  build: 'this',
  lanes: 16,
  nodes: 2,
  writers,
  rate: 100,
  round,
  requests: 600,
  failed: 0,
  p50Ms,
  p90Ms: 2 * p50Ms,
  p99Ms: 4 * p50Ms,
  maxMs: 8 * p50Ms,
  lateP99Ms: 1,
  missedHints: 0,
  cpuMsPerSecond: { writers: null, nodes: null, postgres: null },
  ...more,
});

test('latencies are compared within the rounds, with those of the fewest writers', () => {
  // The second round meets a machine that is ten times as slow.
  const results = resultsOf([made(1, 1, 4), made(1, 8, 5), made(2, 8, 60), made(2, 1, 40)]);
  expect(results.map(({ writers }) => writers)).toEqual([1, 8]);
  expect(results[0]).toMatchObject({
    p50Ms: { median: 22, min: 4, max: 40 },
    p50Ratio: null,
    p99Ratio: null,
  });
  expect(results[1]?.p50Ratio).toMatchObject({ min: 1.25, max: 1.5 });
  expect(results[1]?.p99Ratio).toMatchObject({ min: 1.25, max: 1.5 });
});

test('missed hints and failures of all rounds add up, for each build, rate and size by itself', () => {
  const results = resultsOf([
    made(1, 8, 5, { missedHints: 2, failed: 1 }),
    made(2, 8, 5, { missedHints: 3 }),
    made(1, 8, 5, { build: '/old', missedHints: 7 }),
    made(1, 8, 5, { rate: 20, missedHints: 11 }),
    made(1, 8, 5, { lanes: 64, missedHints: 13 }),
  ]);
  expect(results.map(({ missedHints, failed }) => [missedHints, failed])).toEqual([
    [5, 1],
    [7, 0],
    [11, 0],
    [13, 0],
  ]);
});
