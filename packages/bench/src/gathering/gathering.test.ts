/** The controller of `protocol/gathering`, on seeded and on recorded arrivals. */
import { describe, expect, test } from 'vitest';
import { arrivals, patternNames, shapes, type Shape } from '../deployments/arrivals.ts';
import { seededDraw } from '../workload/bench-model.ts';
import { gatheringPage } from './gathering-page.ts';
import { recordedArrivals } from './recorded.ts';
import { batchMs, bothWays, simulate } from './simulate.ts';

function until(ms: number, perSecond: number, shape?: Shape): number[] {
  const times: number[] = [];
  for (const at of arrivals(perSecond, 7, shape)) {
    if (at >= ms) break;
    times.push(at);
  }
  return times;
}

describe('gathering', () => {
  test.each([20, 100, 250, 500])('gathering never delays a steady load of %i writes a second', (rate) => {
    const { gathering, atOnce } = bothWays({ arrivals: until(20_000, rate) });
    expect(gathering).toEqual(atOnce);
  });

  test('gathering never delays a lone client', () => {
    const clients = { count: 1, restMs: () => 1, untilMs: 10_000 };
    const { gathering, atOnce } = bothWays({ clients });
    expect(gathering).toEqual(atOnce);
  });

  test('gathering makes batches of a heavy steady load larger, for less work per write', () => {
    const { gathering, atOnce } = bothWays({ arrivals: until(10_000, 2500) });
    expect(gathering.writesPerBatch).toBeGreaterThan(2 * atOnce.writesPerBatch);
    expect(gathering.workMs).toBeLessThan(0.65 * atOnce.workMs);
    expect(gathering.p99Ms).toBeLessThan(50 + 2 * batchMs(128));
  });

  test('gathering gives clients of an overloaded machine more throughput', () => {
    const { gathering, atOnce } = bothWays({ clients: { count: 64, workMs: 0.3, untilMs: 20_000 } });
    expect(gathering.writesPerBatch).toBeGreaterThan(1.5 * atOnce.writesPerBatch);
    expect(gathering.perSecond).toBeGreaterThan(1.15 * atOnce.perSecond);
  });

  test.each([32, 64])('gathering costs %i clients little throughput if waiting does not help', (count) => {
    const draw = seededDraw(3);
    const clients = { count, restMs: () => 2 + 5 * draw(), untilMs: 20_000 };
    const { gathering, atOnce } = bothWays({ clients });
    expect(gathering.gain).toBeLessThan(-0.05);
    expect(gathering.perSecond).toBeGreaterThan(0.9 * atOnce.perSecond);
    expect(gathering.p50Ms).toBeLessThan(1.1 * atOnce.p50Ms);
  });

  test('gathering adds little to separate bursts', () => {
    const times = Array.from({ length: 50 }, (_, burst) =>
      Array.from({ length: 100 }, (_, write) => burst * 200 + write / 50),
    ).flat();
    const { gathering, atOnce } = bothWays({ arrivals: times });
    expect(gathering.p99Ms).toBeLessThan(1.5 * atOnce.p99Ms);
  });

  test('gathering is on while a load is on, and off while it is off', () => {
    const times = until(20_000, 1275, shapes['on-off']);
    const { gathering, atOnce } = bothWays({ arrivals: times });
    expect(gathering.workMs).toBeLessThan(0.7 * atOnce.workMs);
    const off = until(20_000, 25, { peak: 2, at: (ms) => (ms % 2000 < 1000 ? 0 : 2) });
    expect(simulate({ arrivals: off, gathers: true })).toEqual(simulate({ arrivals: off, gathers: false }));
  });

  test('gathering follows a load that rises and falls', () => {
    const { gathering, atOnce } = bothWays({
      arrivals: until(20_000, 2000, { peak: 2, at: (ms) => 2 * (1 - Math.abs((ms % 20_000) / 10_000 - 1)) }),
    });
    expect(gathering.workMs).toBeLessThan(0.75 * atOnce.workMs);
    expect(gathering.p99Ms).toBeLessThan(50 + 2 * batchMs(128));
  });

  test.each(patternNames)('gathering saves work on recorded arrivals (%s) for little latency', (pattern) => {
    const { gathering, atOnce } = bothWays({ arrivals: recordedArrivals(pattern) });
    expect(gathering.settled.length).toBe(atOnce.settled.length);
    expect(gathering.workMs).toBeLessThan(0.97 * atOnce.workMs);
    expect(gathering.p99Ms).toBeLessThan(50 + 2 * batchMs(128));
  });

  test('the page of the simulation plots arrivals, batches and latencies of each pattern', () => {
    const page = gatheringPage();
    for (const pattern of patternNames) expect(page).toContain(`<h2>${pattern}, recorded</h2>`);
    expect(page.match(/<svg /g)?.length).toBe(2 * 3 * patternNames.length);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });
});
