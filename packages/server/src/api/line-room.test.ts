import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ByteBudget } from './byte-budget.ts';
import { LineRoom, type LinePlace } from './line-room.ts';

const large = 100_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Null: the line waits for room. */
const within = (ms: number, place: Promise<LinePlace>): Promise<LinePlace | null> =>
  Promise.race([place, vi.advanceTimersByTimeAsync(ms).then(() => null)]);

test('after a large line found no room, the next ones of its request are refused at once until one leaves', async () => {
  const budget = new ByteBudget({ bytesMax: 3 * large });
  const room = new LineRoom(budget);
  await budget.take(large);
  const first = await room.finish(large);
  await room.finish(large);
  const refused = room.finish(large);
  expect(await within(9_000, refused)).toBeNull();
  for (const place of [await within(1_000, refused), await within(0, room.finish(large))])
    expect(place).toMatchObject({ refusal: { code: 'overloaded', retryAfterSeconds: 1 } });
  // Room of other requests is taken, too.
  budget.free(large);
  expect(await within(0, room.finish(large))).toMatchObject({ refusal: null });
  first.leave();
  expect(await within(0, room.finish(large))).toMatchObject({ refusal: null });
  expect(await within(9_000, room.finish(large))).toBeNull();
});

test('a large line waits for room that only other requests hold, also after another line was refused', async () => {
  const budget = new ByteBudget({ bytesMax: large });
  const room = new LineRoom(budget);
  await budget.take(large);
  expect(await within(10_000, room.finish(large))).toMatchObject({ refusal: { code: 'overloaded' } });
  const next = room.finish(large);
  expect(await within(5_000, next)).toBeNull();
  budget.free(large);
  expect(await next).toMatchObject({ refusal: null });
});
