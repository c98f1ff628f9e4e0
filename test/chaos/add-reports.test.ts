// Several runs count as one: what they came to is added, and no violation is.

import { expect, test } from 'vitest';
import { addReports } from './add-reports.ts';
import type { ChaosReport } from './chaos.ts';
import { Verdict } from './verdict.ts';

function report(more: Partial<ChaosReport>): ChaosReport {
  return {
    seed: 1,
    ...new Verdict().counts,
    rows: new Verdict().counts,
    seconds: 10,
    ackedPerSecond: 0,
    faults: {},
    kills: 0,
    recovery: {},
    recoveryTimes: {},
    besideLocks: null,
    calmAfterMs: 5,
    samples: 50,
    isSound: true,
    findings: [],
    kept: null,
    ...more,
  };
}

test('the reports of several runs are added up, with a bound for the rate of violations', () => {
  const total = addReports([
    report({
      ok: 4000,
      rows: { ...new Verdict().counts, ok: 7 },
      kills: 310,
      faults: { killWriter: 300, freezeWriter: 60 },
      recoveryTimes: { killWriter: [100, 300] },
    }),
    report({
      seed: 2,
      ok: 6000,
      rows: { ...new Verdict().counts, ok: 8, recovered: 1 },
      kills: 750,
      faults: { killWriter: 700, killPostgres: 40, restartPostgresFast: 10 },
      recoveryTimes: { killWriter: [200], killPostgres: [900] },
    }),
  ]);
  expect(total).toMatchObject({
    runs: 2,
    seeds: [1, 2],
    ok: 10_000,
    rows: { ok: 15, recovered: 1 },
    seconds: 20,
    ackedPerSecond: 500,
    faults: { killWriter: 1000, freezeWriter: 60, killPostgres: 40, restartPostgresFast: 10 },
    kills: 1060,
    serverEnds: 50,
    isSound: true,
    bounds: { kills: 0.003, serverEnds: 0.06, freezes: 0.05 },
  });
  expect(total.recovery.killWriter).toEqual({ n: 3, p50Ms: 200, p99Ms: 300, maxMs: 300 });
  expect(total.recovery.killPostgres?.n).toBe(1);
});

test('the sum of reports gives no bound if one run had a violation or did not come to rest', () => {
  const sound = report({ faults: { killWriter: 10 } });
  expect(addReports([sound, report({ lost: 1, isSound: false })])).toMatchObject({
    lost: 1,
    isSound: false,
    bounds: null,
  });
  expect(addReports([sound, report({ calmAfterMs: null })]).bounds).toBeNull();
});
