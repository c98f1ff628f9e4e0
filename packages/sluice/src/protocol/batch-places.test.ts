import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BatchPlaces, ServerPlaces, type BatchPlace } from './batch-places.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Lets batches of five writes ask for places, and lists those that have begun. */
function setup(): {
  places: BatchPlaces;
  ask: (name: string, writes?: number) => void;
  begun: () => Promise<string>;
  end: (name: string, writes?: number) => void;
} {
  const places = new BatchPlaces();
  const held = new Map<string, BatchPlace>();
  const names: string[] = [];
  return {
    places,
    ask(name, writes = 5) {
      void Promise.resolve(places.enter(writes)).then((place) => {
        names.push(name);
        held.set(name, place);
      });
    },
    async begun() {
      await vi.advanceTimersByTimeAsync(0);
      return names.join('');
    },
    end: (name, writes = 5) => held.get(name)?.leave(writes),
  };
}

/** Runs a batch alone that takes so long. */
async function runBatch(places: BatchPlaces, tookMs: number): Promise<void> {
  const place = await places.enter(5);
  await vi.advanceTimersByTimeAsync(tookMs);
  place.leave(5);
}

describe('the places for batches', () => {
  test('four batches run at a time, and the others begin in the order in which they have asked', async () => {
    const { ask, begun, end } = setup();
    for (const name of 'abcdef') ask(name);
    expect(await begun()).toEqual('abcd');
    end('c', 0);
    ask('g');
    expect(await begun()).toEqual('abcde');
    end('a', 0);
    end('b', 0);
    expect(await begun()).toEqual('abcdefg');
  });

  test('a large batch needs no place', async () => {
    const { ask, begun } = setup();
    for (const name of 'abcde') ask(name);
    ask('L', 64);
    expect(await begun()).toEqual('abcdL');
  });

  test('a batch waits for a place for at most a quarter of a second, and then takes none', async () => {
    const { ask, begun, end } = setup();
    for (const name of 'abcd') ask(name);
    await vi.advanceTimersByTimeAsync(100);
    ask('L');
    for (const name of 'abcd') end(name, 0);
    for (const name of 'efgh') ask(name);
    ask('W');
    expect(await begun()).toEqual('abcdLefg');
    end('L', 0);
    expect(await begun()).toEqual('abcdLefgh');
    await vi.advanceTimersByTimeAsync(249);
    expect(await begun()).not.toContain('W');
    await vi.advanceTimersByTimeAsync(1);
    expect(await begun()).toContain('W');
  });

  test('a stuck batch loses its place after a quarter of a second, and gives back no other', async () => {
    const { ask, begun, end } = setup();
    for (const name of 'abcd') ask(name);
    await begun();
    await vi.advanceTimersByTimeAsync(250);
    for (const name of 'efghi') ask(name);
    expect(await begun()).toEqual('abcdefgh');
    end('a', 0);
    expect(await begun()).toEqual('abcdefgh');
    end('e', 0);
    expect(await begun()).toEqual('abcdefghi');
  });

  test('there are fewer places while batches take longer than before, and all of them again afterwards', async () => {
    const { places } = setup();
    for (let batch = 0; batch < 20; batch++) await runBatch(places, 10);
    expect(places.places).toBe(4);
    for (let batch = 0; batch < 100; batch++) await runBatch(places, 40);
    expect(places.places).toBe(1);
    for (let batch = 0; batch < 100; batch++) await runBatch(places, 10);
    expect(places.places).toBe(4);
  });

  test('after a lasting change of the load, the shortest time of a batch follows', async () => {
    const { places } = setup();
    for (let batch = 0; batch < 20; batch++) await runBatch(places, 10);
    for (let batch = 0; batch < 1000; batch++) await runBatch(places, 40);
    expect(places.places).toBe(4);
  });

  test('batches of different servers do not share places', () => {
    const places = new ServerPlaces();
    expect(places.of('one')).toBe(places.of('one'));
    expect(places.of('one')).not.toBe(places.of('two'));
  });

  test('batches without writes do not count as fast', async () => {
    const { places } = setup();
    for (let batch = 0; batch < 20; batch++) await runBatch(places, 10);
    for (let read = 0; read < 20; read++) (await places.enter(0)).leave(0);
    expect(places.places).toBe(4);
  });
});
