import { expect, test } from 'vitest';
import { writesPerSecond } from './measure-rates.ts';
import { resultsOf, type DeploymentMeasurement } from './results.ts';

const made = (
  round: number,
  more: Partial<DeploymentMeasurement> & { p50Ms?: number } = {},
): DeploymentMeasurement => {
  const { p50Ms = 4 } = more;
  return {
    contender: 'coordinated',
    build: 'this',
    lanes: 16,
    nodes: 2,
    writers: 1,
    rate: 100,
    percent: null,
    clients: null,
    round,
    documents: 600,
    failed: 0,
    seconds: 6,
    documentsPerSecond: 100,
    p50Ms,
    p90Ms: 2 * p50Ms,
    p99Ms: 4 * p50Ms,
    maxMs: 8 * p50Ms,
    lateP99Ms: 1,
    missedHints: 0,
    writesPerBatch: 1,
    cpuUsPerDocument: { postgres: 200, nodes: 100, writers: 50 },
    ...more,
  };
};

test('latencies are compared within each round, with those of the fewest writers', () => {
  // The second round meets a machine that is ten times as slow.
  const results = resultsOf([
    made(1, { p50Ms: 4 }),
    made(1, { writers: 8, p50Ms: 5 }),
    made(2, { writers: 8, p50Ms: 60 }),
    made(2, { p50Ms: 40 }),
  ]);
  expect(results.map(({ writers }) => writers)).toEqual([1, 8]);
  expect(results[0]).toMatchObject({
    p50Ms: { median: 22, min: 4, max: 40 },
    baseline: null,
    p50Ratio: null,
    p99Ratio: null,
  });
  expect(results[1]).toMatchObject({
    baseline: 'coordinated with 1 writers',
    p50Ratio: { min: 1.25, max: 1.5 },
    p99Ratio: { min: 1.25, max: 1.5 },
  });
});

test('each contender is compared with a measured direct run of the same build and load', () => {
  const direct = { contender: 'direct' as const, writers: 0, p50Ms: 8, documentsPerSecond: 50 };
  const results = resultsOf([
    made(1, { ...direct, cpuUsPerDocument: { postgres: 1000, nodes: 1, writers: 0 } }),
    made(1, { ...direct, build: '/old', cpuUsPerDocument: { postgres: 400, nodes: 1, writers: 0 } }),
    made(1, { writers: 2 }),
    made(1, { writers: 2, build: '/old' }),
    made(1, { writers: 2, rate: 200 }),
  ]);
  expect(results.map(({ baseline }) => baseline)).toEqual([null, null, 'direct', 'direct', null]);
  expect(results[2]).toMatchObject({
    documentsRatio: { median: 2 },
    p50Ratio: { median: 0.5 },
    timesLessPostgresCpu: { median: 5 },
  });
  expect(results[3]).toMatchObject({ timesLessPostgresCpu: { median: 2 } });
});

test('medians and ratios leave out unknown values', () => {
  const unknown = { postgres: null, nodes: null, writers: null };
  const [direct, own] = resultsOf([
    made(1, { contender: 'direct', writers: 0, cpuUsPerDocument: unknown, writesPerBatch: null }),
    made(1, { cpuUsPerDocument: { ...unknown, postgres: 5 } }),
  ]);
  expect(own).toMatchObject({ postgresCpuUsPerDocument: { median: 5 }, timesLessPostgresCpu: null });
  expect(direct?.writesPerBatch.median).toBeNaN();
});

test('missed hints and failures are added up over rounds, separately for each build, rate and size', () => {
  const results = resultsOf([
    made(1, { missedHints: 2, failed: 1 }),
    made(2, { missedHints: 3 }),
    made(1, { build: '/old', missedHints: 7 }),
    made(1, { rate: 20, missedHints: 11 }),
    made(1, { rate: null, clients: 20, missedHints: 12 }),
    made(1, { lanes: 64, missedHints: 13 }),
  ]);
  expect(results.map(({ missedHints, failed }) => [missedHints, failed])).toEqual([
    [5, 1],
    [7, 0],
    [11, 0],
    [12, 0],
    [13, 0],
  ]);
});

test('a rate that is a share of the capacity is a whole number of writes, and at least one', () => {
  expect(writesPerSecond({ perSecond: 70 }, 1000)).toBe(70);
  expect(writesPerSecond({ percent: 25 }, 1001)).toBe(250);
  expect(writesPerSecond({ percent: 1 }, 20)).toBe(1);
});
