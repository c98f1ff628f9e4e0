import type { SluiceError } from '#protocol';
import type { Row } from '#store';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { IntakeGauge } from './intake-gauge.ts';

const graceMs = 5_000;

/** A gauge of one lane, which was led for the last time an hour ago, and a clock that the test moves. */
function setup() {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const world = { isLed: true, oldestSeconds: 0, lookTakesMs: 0, looks: 0 };
  const gauge = new IntakeGauge({
    highWaterWrites: 1_000,
    highWaterMs: 30_000,
    leaderGraceMs: graceMs,
    onError: () => undefined,
    run: (): Promise<Row[]> => {
      world.looks += 1;
      vi.advanceTimersByTime(world.lookTakesMs);
      const { isLed, oldestSeconds } = world;
      return Promise.resolve([
        {
          lane: 0,
          is_led: isLed,
          changed_seconds: 3_600,
          behind: 1,
          oldest_seconds: oldestSeconds,
          front: 0,
        },
      ]);
    },
  });
  /** The codes by which writes are refused that come in all this time. */
  const pass = async (milliseconds: number): Promise<string[]> => {
    const codes = new Set<string>();
    for (let passed = 0; passed < milliseconds; passed += 500) {
      vi.advanceTimersByTime(500);
      await gauge.check(0).catch((error: unknown) => codes.add((error as SluiceError).code));
      // What it began to look at is known to the next.
      await new Promise(setImmediate);
    }
    return [...codes];
  };
  return { world, pass };
}

describe('a lane without a leader', () => {
  test('a lane without a leader takes writes while a hand-over may be under way, then refuses them', async () => {
    const { world, pass } = setup();
    expect(await pass(3_000)).toEqual([]);
    world.isLed = false;
    expect(await pass(graceMs)).toEqual([]);
    await pass(1_500);
    expect(await pass(3_000)).toEqual(['lane_without_leader']);
    world.isLed = true;
    await pass(1_500);
    expect(await pass(3_000)).toEqual([]);
  });

  test('an idle or newly started node grants a lane that lost its leader the same time', async () => {
    const idle = setup();
    await idle.pass(3_000);
    vi.advanceTimersByTime(3_600_000);
    idle.world.isLed = false;
    expect(await idle.pass(graceMs)).toEqual([]);
    const begun = setup();
    begun.world.isLed = false;
    expect(await begun.pass(graceMs)).toEqual([]);
    await begun.pass(1_500);
    expect(await begun.pass(3_000)).toEqual(['lane_without_leader']);
  });

  test('a node refuses no write of a lane for one old reading that it could not repeat', async () => {
    const { world, pass } = setup();
    await pass(3_000);
    Object.assign(world, { isLed: false, lookTakesMs: 4_000 });
    await pass(1_500);
    Object.assign(world, { isLed: true, lookTakesMs: 0 });
    expect(await pass(60_000)).toEqual([]);
  });
});

test('the result of a slow reading is soon read again', async () => {
  const { world, pass } = setup();
  Object.assign(world, { oldestSeconds: 60, lookTakesMs: 4_000 });
  await pass(500);
  Object.assign(world, { oldestSeconds: 0, lookTakesMs: 0 });
  expect(await pass(3_000)).toEqual(['overloaded']);
  await pass(8_000);
  expect(await pass(3_000)).toEqual([]);
});

test('readings of the intake take a twentieth of the time where they are not that slow', async () => {
  const { world, pass } = setup();
  world.lookTakesMs = 200;
  await pass(40_000);
  expect(world.looks).toBeLessThanOrEqual(11);
  expect(world.looks).toBeGreaterThanOrEqual(8);
});
