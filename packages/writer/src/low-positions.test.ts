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
  test('follow what was settled when all have ended that wrote then, and what was read since is settled', () => {
    const { low, of } = setup();
    expect(of(1, 2)).toEqual([0, 0]);
    low.raise([1, 2], 100);
    low.look(['3/7', '4/1']);
    low.raise([1, 2], 200);
    low.look(['4/1', '3/8']);
    low.raise([1, 2], 300);
    expect(of(1, 2)).toEqual([0, 0]);
    low.look(['3/8', '4/2']);
    // What appeared late, up to now, is in the batch that is only being read.
    expect(of(1, 2)).toEqual([0, 0]);
    low.raise([1, 2], 400);
    expect(of(1, 2)).toEqual([100, 100]);
    low.look(['4/3']);
    low.raise([1, 2], 500);
    expect(of(1, 2)).toEqual([300, 300]);
  });

  test('stay below what has appeared late', () => {
    const { low, of } = setup();
    low.raise([1], 100);
    low.look(['3/7']);
    low.look([]);
    // Full of writes that were late; more of them may follow.
    low.raise([1], 60);
    expect(of(1)).toEqual([0]);
    low.look([]);
    low.raise([1], 120);
    expect(of(1)).toEqual([100]);
  });

  test('stay as they are in lanes that a batch was not read from', () => {
    const { low, of } = setup();
    low.raise([1, 2], 100);
    low.look([]);
    low.look([]);
    low.raise([1], 200);
    expect(of(1, 2)).toEqual([100, 0]);
  });

  test('wait for one that writes for long, and catch up', () => {
    const { low, of } = setup();
    for (let position = 100; position < 5000; position += 100) {
      low.raise([1], position);
      low.look(['3/7', `4/${position}`]);
    }
    expect(of(1)).toEqual([0]);
    for (let position = 5000; position < 5300; position += 100) {
      low.look([]);
      low.raise([1], position);
    }
    expect(low.of(1)).toBeGreaterThanOrEqual(5000);
  });

  const raised = (): ReturnType<typeof setup> => {
    const made = setup();
    for (const position of [100, 200, 300, 400]) {
      made.low.raise([1, 2], position);
      made.low.look([]);
    }
    made.low.raise([1, 2], 500);
    expect(made.of(1, 2)).toEqual([300, 300]);
    return made;
  };

  test('go back to what is ready again, and do not forget it later', () => {
    const { low, of } = raised();
    low.look([]);
    low.lower(150);
    expect(of(1, 2)).toEqual([149, 149]);
    for (const position of [120, 130, 140]) {
      low.look([]);
      low.raise([1], position);
    }
    expect(of(1, 2)).toEqual([149, 149]);
  });

  test('are unknown in lanes that were given back', () => {
    const { low, of } = raised();
    low.keepOnly(new Map([[2, 1]]));
    low.look([]);
    low.raise([2], 600);
    low.look([]);
    low.raise([2], 700);
    expect(of(1)).toEqual([0]);
    expect(low.of(2)).toBeGreaterThan(300);
  });

  test('ask who writes only now and then', () => {
    const { low, wait } = setup();
    expect(low.isLookDue).toBe(true);
    low.look([]);
    wait(49);
    expect(low.isLookDue).toBe(false);
    wait(1);
    expect(low.isLookDue).toBe(true);
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
    wait(39_999);
    expect(low.isSweepDue).toBe(false);
    wait(1);
    expect(low.isSweepDue).toBe(true);
  });
});
