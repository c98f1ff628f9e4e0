import { describe, expect, test } from 'vitest';
import { LowPositions } from './low-positions.ts';

/** With a clock that only the test moves. */
function setup(): {
  low: LowPositions;
  wait: (milliseconds: number) => void;
  of: (...lanes: number[]) => number[];
} {
  let now = 1000;
  const low = new LowPositions(() => now);
  return {
    low,
    wait: (milliseconds) => (now += milliseconds),
    of: (...lanes) => lanes.map((lane) => low.of(lane)),
  };
}

describe('the low positions of lanes', () => {
  test('follow what was settled at a distance, so that an insert may be late', () => {
    const { low, wait, of } = setup();
    expect(of(1, 2)).toEqual([0, 0]);
    low.raise([1, 2], 100);
    wait(1000);
    // Noted now: what was settled before.
    low.raise([1], 200);
    wait(10_999);
    low.raise([1], 300);
    expect(of(1, 2)).toEqual([0, 0]);
    wait(1);
    low.raise([1], 400);
    expect(of(1, 2)).toEqual([100, 100]);
    wait(11_000);
    low.raise([1], 500);
    expect(of(1, 2)).toEqual([200, 100]);
  });

  const raised = (): ReturnType<typeof setup> => {
    const made = setup();
    for (const position of [100, 200, 300, 400]) {
      made.low.raise([1, 2], position);
      made.wait(11_000);
    }
    expect(made.of(1, 2)).toEqual([200, 200]);
    return made;
  };

  test('go back to what is ready again, and do not forget it later', () => {
    const { low, wait, of } = raised();
    low.lower(150);
    expect(of(1, 2)).toEqual([149, 149]);
    for (const position of [120, 130, 140]) {
      low.raise([1], position);
      wait(11_000);
    }
    expect(of(1, 2)).toEqual([149, 149]);
  });

  test('are unknown in lanes that were given back', () => {
    const { low, wait, of } = raised();
    low.keepOnly(new Map([[2, 1]]));
    low.raise([2], 500);
    wait(11_000);
    low.raise([2], 600);
    expect(of(1)).toEqual([0]);
    expect(low.of(2)).toBeGreaterThan(0);
  });

  test('are left out of a look every second, more seldom where such a look takes long', () => {
    const { low, wait } = raised();
    expect(low.isSweepDue).toBe(true);
    low.noteSweep(5);
    wait(999);
    expect(low.isSweepDue).toBe(false);
    wait(1);
    expect(low.isSweepDue).toBe(true);
    low.noteSweep(200);
    wait(9999);
    expect(low.isSweepDue).toBe(false);
    wait(1);
    expect(low.isSweepDue).toBe(true);
  });
});
