import { describe, expect, test } from 'vitest';
import { axisOf } from './axis.ts';
import type { RunMeasurement } from './bench-options.ts';
import { summarizeAll } from './bench.ts';
import type { ContenderName } from './names.ts';
import { summarizePoint } from './summary.ts';

interface Figures {
  prefill?: number;
  backlog?: RunMeasurement['backlog'];
}

function measurement(
  contender: ContenderName,
  round: number,
  documentsPerSecond: number,
  { prefill = 100_000, backlog }: Figures = {},
): RunMeasurement {
  const waits = contender !== 'ceiling' && backlog === undefined;
  return {
    contender,
    clients: 8,
    round,
    axis: backlog === undefined ? 'prefill' : 'backlog',
    value: prefill,
    documents: documentsPerSecond,
    seconds: 1,
    documentsPerSecond,
    p50Ms: waits ? 10 : null,
    p99Ms: waits ? 20 : null,
    walBytesPerDocument: 1000,
    fullPagesPerDocument: 0,
    commitsPerDocument: 1,
    walFlushesPerSecond: 1,
    networkBytesPerDocument: null,
    cpuUsPerDocument: { clients: null, others: null, postgres: null },
    deadTuplesPeak: null,
    ...(backlog === undefined ? {} : { backlog }),
  };
}

const conditions = {
  clients: [8],
  prefill: [100_000],
  lanes: [16],
  writers: [1],
  nodes: [1],
  batchWritesMax: [512],
  poolMax: [32],
  backlog: [100_000],
  rate: [0],
  duplicates: [0],
};

describe('ratios', () => {
  test('ratios are computed within each round, then summarized as a median with its spread', () => {
    // The machine was twice as fast in round 2: a ratio of medians would not see that nothing else changed.
    const { ratios, ratiosSpread } = summarizePoint(
      { axis: 'prefill', value: 100_000, clients: 8 },
      ['coordinated', 'seed-direct'],
      [
        measurement('coordinated', 1, 400),
        measurement('seed-direct', 1, 100),
        measurement('coordinated', 2, 1000),
        measurement('seed-direct', 2, 200),
        measurement('coordinated', 3, 600),
        measurement('seed-direct', 3, 100),
      ],
    );
    expect(ratios['coordinated/seed-direct']).toBe(5);
    expect(ratiosSpread['coordinated/seed-direct']).toEqual({ min: 4, max: 6 });
  });

  test('ratios of latencies leave out a contender without latencies', () => {
    const { p99Ratios, ratios } = summarizePoint(
      { axis: 'prefill', value: 100_000, clients: 8 },
      ['coordinated', 'ceiling'],
      [measurement('coordinated', 1, 400), measurement('ceiling', 1, 800)],
    );
    expect(ratios['coordinated/ceiling']).toBe(0.5);
    expect(p99Ratios).toEqual({});
  });
});

describe('a run along an axis', () => {
  const axis = axisOf({ ...conditions, prefill: [10_000_000, 100_000] }, 'insert');
  const large = { prefill: 10_000_000 };
  const { results, ratios, growth } = summarizeAll(
    axis,
    ['coordinated', 'ceiling'],
    [
      measurement('coordinated', 1, 300, large),
      measurement('ceiling', 1, 400, large),
      measurement('coordinated', 2, 330, large),
      measurement('ceiling', 2, 400, large),
      measurement('coordinated', 1, 600),
      measurement('ceiling', 1, 700),
      measurement('coordinated', 2, 600),
      measurement('ceiling', 2, 800),
    ],
  );

  test('a run along an axis has one result for each value, from the measurements of that value', () => {
    expect(results.map(({ axis, value, clients }) => ({ axis, value, clients }))).toEqual([
      { axis: 'prefill', value: 10_000_000, clients: 8 },
      { axis: 'prefill', value: 100_000, clients: 8 },
    ]);
    expect(results[1]?.contenders.coordinated?.documentsPerSecond).toEqual({
      median: 600,
      min: 600,
      max: 600,
    });
  });

  test('a run along an axis reports the ratios of its largest value, wherever the list has it', () => {
    expect(ratios['coordinated/ceiling']).toBe(0.7875);
  });

  test('a run along an axis reports how the largest value compares with the smallest', () => {
    expect(growth).toMatchObject({ axis: 'prefill', from: 100_000, to: 10_000_000 });
    expect(growth?.documentsPerSecond).toEqual({ coordinated: 0.525, ceiling: 0.5333 });
    expect(growth?.ratios['coordinated/ceiling']).toBeCloseTo(0.7875 / 0.8036, 3);
    const { min, max } = growth?.ratiosSpread['coordinated/ceiling'] ?? { min: 0, max: 0 };
    expect([min, max]).toEqual([expect.closeTo(0.75 / 0.8571, 3), expect.closeTo(0.825 / 0.75, 3)]);
  });

  test('a run with a single value has no growth', () => {
    const single = axisOf(conditions, 'insert');
    expect(summarizeAll(single, ['ceiling'], [measurement('ceiling', 1, 1)]).growth).toBeNull();
  });
});

test('a backlog reports its last quarter compared with its first, beside the ratios', () => {
  const drained = (lastToFirstQuarter: number): Figures => ({
    backlog: { quarters: [100, 100, 100, 100 * lastToFirstQuarter], lastToFirstQuarter },
  });
  const { results, lastToFirstQuarter } = summarizeAll(
    axisOf(conditions, 'backlog'),
    ['coordinated'],
    [0.9, 1, 0.8].map((last, index) => measurement('coordinated', index + 1, 100, drained(last))),
  );
  expect(lastToFirstQuarter).toEqual({ coordinated: 0.9 });
  expect(results[0]?.clients).toBe(0);
  expect(results[0]?.contenders.coordinated?.backlog?.quarters[3]).toEqual({ median: 90, min: 80, max: 100 });
});
