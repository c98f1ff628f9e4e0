import { describe, expect, test } from 'vitest';
import { ReadyFront } from './ready-front.ts';

/** With a clock that only the test moves. */
function setup(): {
  front: ReadyFront;
  wait: (milliseconds: number) => void;
  of: (...lanes: number[]) => number[];
} {
  let now = 1000;
  const front = new ReadyFront({ lanes: 16, batchWritesMax: 512, now: () => now });
  return {
    front,
    wait: (milliseconds) => (now += milliseconds),
    of: (...lanes) => lanes.map((lane) => front.behind(lane)),
  };
}

/** Of a batch of this many writes. */
function reportOf(count: number): never {
  const outcomes = Array.from({ length: count }, (_, each) => ({ write: { position: each + 1 } }));
  return { outcomes, deferred: [], blocked: [] } as never;
}

describe('the low-water marks of lanes', () => {
  test('low-water marks follow settled writes once the transactions of that time have ended', () => {
    const { front, of } = setup();
    expect(of(1, 2)).toEqual([0, 0]);
    front.raise([1, 2], 100);
    front.look(['3/7', '4/1']);
    front.raise([1, 2], 200);
    front.look(['4/1', '3/8']);
    front.raise([1, 2], 300);
    expect(of(1, 2)).toEqual([0, 0]);
    front.look(['3/8', '4/2']);
    // What appeared late, up to now, is in the batch that is only being read.
    expect(of(1, 2)).toEqual([0, 0]);
    front.raise([1, 2], 400);
    expect(of(1, 2)).toEqual([100, 100]);
    front.look(['4/3']);
    front.raise([1, 2], 500);
    expect(of(1, 2)).toEqual([300, 300]);
  });

  test('low-water marks stay below writes that appeared late', () => {
    const { front, of } = setup();
    front.raise([1], 100);
    front.look(['3/7']);
    front.look([]);
    // Full of writes that were late; more of them may folfront.
    front.raise([1], 60);
    expect(of(1)).toEqual([0]);
    front.look([]);
    front.raise([1], 120);
    expect(of(1)).toEqual([100]);
  });

  test('low-water marks stay unchanged in lanes that a batch was not read from', () => {
    const { front, of } = setup();
    front.raise([1, 2], 100);
    front.look([]);
    front.look([]);
    front.raise([1], 200);
    expect(of(1, 2)).toEqual([100, 0]);
  });

  test('low-water marks wait for a long transaction, and catch up', () => {
    const { front, of } = setup();
    for (let position = 100; position < 5000; position += 100) {
      front.raise([1], position);
      front.look(['3/7', `4/${position}`]);
    }
    expect(of(1)).toEqual([0]);
    for (let position = 5000; position < 5300; position += 100) {
      front.look([]);
      front.raise([1], position);
    }
    expect(front.behind(1)).toBeGreaterThanOrEqual(5000);
  });

  const raised = (): ReturnType<typeof setup> => {
    const made = setup();
    for (const position of [100, 200, 300, 400]) {
      made.front.raise([1, 2], position);
      made.front.look([]);
    }
    made.front.raise([1, 2], 500);
    expect(made.of(1, 2)).toEqual([300, 300]);
    return made;
  };

  test('the low-water mark goes back to a write that is ready again, and stays there', () => {
    const { front, of } = raised();
    front.look([]);
    front.lower(150);
    expect(of(1, 2)).toEqual([149, 149]);
    for (const position of [120, 130, 140]) {
      front.look([]);
      front.raise([1], position);
    }
    expect(of(1, 2)).toEqual([149, 149]);
  });

  test('low-water marks are unknown in lanes that were given back', () => {
    const { front, of } = raised();
    front.keepOnly(new Map([[2, 1]]));
    front.look([]);
    front.raise([2], 600);
    front.look([]);
    front.raise([2], 700);
    expect(of(1)).toEqual([0]);
    expect(front.behind(2)).toBeGreaterThan(300);
  });

  test('low-water marks need the list of writing transactions only now and then', () => {
    const { front, wait } = setup();
    const asks = (): boolean => front.forBatch(16).onWriting !== null;
    const settle = (count: number): void => front.noteBatch([1], reportOf(count));
    expect(asks()).toBe(false);
    settle(64);
    expect(asks()).toBe(true);
    front.look([]);
    settle(64);
    wait(49);
    expect(asks()).toBe(false);
    wait(1);
    expect(asks()).toBe(true);
    front.look([]);
    wait(10_000);
    settle(63);
    expect(asks()).toBe(false);
    settle(1);
    expect(asks()).toBe(true);
  });

  test('a catch-up scan ignores low-water marks each second, or less often if it takes long', () => {
    const { front, of, wait } = raised();
    const scans = (tookMs: number): boolean => {
      front.scan();
      const { isScanning } = front;
      expect(of(1, 2)).toEqual(isScanning ? [0, 0] : [300, 300]);
      front.noteRead(tookMs);
      front.endScan();
      return isScanning;
    };
    expect(scans(5)).toBe(true);
    wait(999);
    expect(scans(5)).toBe(false);
    wait(1);
    expect(scans(200)).toBe(true);
    wait(39_999);
    expect(scans(200)).toBe(false);
    wait(1);
    expect(scans(200)).toBe(true);
  });

  test('a round in which lanes were taken over ignores low-water marks', () => {
    const { front, of } = raised();
    front.scan();
    front.endScan();
    front.scan({ isDue: true });
    expect(of(1, 2)).toEqual([0, 0]);
  });
});

describe('a batch', () => {
  test('a full batch reads near the settled writes, and further with fewer lanes', () => {
    const { front } = setup();
    expect(front.forBatch(16).near).toBe(0);
    front.noteBatch([1, 2], reportOf(512));
    expect(front.forBatch(16).near).toBe(512 + 512);
    expect(front.forBatch(2).near).toBe(512 + 512 * 8);
    front.noteBatch([1, 2], reportOf(511));
    expect(front.forBatch(16).near).toBe(0);
  });
});
