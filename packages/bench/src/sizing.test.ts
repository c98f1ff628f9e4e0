import { describe, expect, test } from 'vitest';
import type { BenchReport } from './bench.ts';
import { costsOf, predict, type Costs, type Deployment } from './sizing.ts';

const costs: Costs = {
  nodeCpuUs: 100,
  writerCpuUs: 50,
  postgresCpuUs: 150,
  sessionUs: 96,
  walBytes: 4000,
  networkBytes: 2000,
  flushMs: 2,
  batchWrites: 500,
};
const ample: Deployment = {
  cores: 1000,
  nodeProcesses: 1000,
  writerProcesses: 1000,
  sessionsPerWriter: 1,
  rttMs: 0,
  walBytesPerSecond: 1e12,
  networkBytesPerSecond: 1e12,
};

describe('a prediction', () => {
  test.each([
    ['cpu', 20_000, { cores: 6 }],
    ['cpu', 20_000, { cores: { nodes: 100, writers: 1, postgres: 100 } }],
    ['cpu', 10_000, { cores: { nodes: 1, writers: 1, postgres: 100 } }],
    ['nodeProcesses', 30_000, { nodeProcesses: 3 }],
    // Two sessions would manage 20,000: 500 × 96 µs and 2 ms for the flush are 50 ms a batch.
    ['writerSessions', 10_000, { writerProcesses: 1 }],
    ['writerProcesses', 20_000, { writerProcesses: 1, sessionsPerWriter: 3 }],
    // Three round trips of 50 ms lengthen the batch to 200 ms.
    ['writerSessions', 2500, { writerProcesses: 1, rttMs: 50 }],
    ['wal', 25_000, { walBytesPerSecond: 100e6 }],
    ['network', 50_000, { networkBytesPerSecond: 100e6 }],
  ] as const)('is limited by %s: %i documents/s', (limitedBy, documentsPerSecond, scarce) => {
    const prediction = predict(costs, { ...ample, ...scarce });
    expect(prediction).toMatchObject({ limitedBy });
    expect(prediction.documentsPerSecond).toBeCloseTo(documentsPerSecond, 6);
  });
});

test('costs are those of the largest value, and of a session without its waits', () => {
  const spread = (median: number) => ({ median, min: median, max: median });
  const report = (rate: number, isLoad: boolean) =>
    ({
      options: { rttMs: 1, batchWritesMax: [500] },
      server: { flush: { p50Ms: 2, p99Ms: 3 }, commit: { p50Ms: 4, p99Ms: 5 } },
      results: [rate / 2, rate].map((each, index) => ({
        value: index,
        contenders: {
          coordinated: {
            documentsPerSecond: spread(each),
            walBytesPerDocument: spread(4000),
            networkBytesPerDocument: spread(2000),
            cpuUsPerDocument: {
              clients: isLoad ? spread(100) : null,
              others: spread(50),
              postgres: spread(150),
            },
          },
        },
      })),
    }) as unknown as BenchReport;
  const found = costsOf(report(5000, true), report(10_000, false));
  // 100 µs a document, of which each batch of 500 waits 2 ms for its flush and 3 ms on the way.
  expect(found).toEqual({ ...costs, sessionUs: 90 });
  expect(() => costsOf(report(1, false), report(1, false))).toThrow(/CPU time/);
});
