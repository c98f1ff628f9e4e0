import { describe, expect, test } from 'vitest';
import { summarizeClients } from './bench.ts';
import type { Measurement } from './measure.ts';
import type { ContenderName } from './names.ts';

function measurement(contender: ContenderName, round: number, documentsPerSecond: number) {
  const measured: Measurement = {
    contender,
    clients: 8,
    documents: documentsPerSecond,
    seconds: 1,
    documentsPerSecond,
    p50Ms: contender === 'ceiling' ? null : 10,
    p99Ms: contender === 'ceiling' ? null : 20,
    walBytesPerDocument: 1000,
    fullPagesPerDocument: 0,
    commitsPerDocument: 1,
    walFlushesPerSecond: 1,
    cpuUsPerDocument: { clients: null, others: null, postgres: null },
  };
  return { ...measured, round };
}

describe('ratios', () => {
  test('are taken within the rounds, then their median with its spread', () => {
    // The machine was twice as fast in round 2: a ratio of medians would not see that nothing else changed.
    const { ratios, ratiosSpread } = summarizeClients(
      8,
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

  test('of latencies leave out whoever has none', () => {
    const { p99Ratios, ratios } = summarizeClients(
      8,
      ['coordinated', 'ceiling'],
      [measurement('coordinated', 1, 400), measurement('ceiling', 1, 800)],
    );
    expect(ratios['coordinated/ceiling']).toBe(0.5);
    expect(p99Ratios).toEqual({});
  });
});
