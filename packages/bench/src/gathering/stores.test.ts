/** The trial that the data stores of one process share (`protocol/gathering-trial`), on simulated stores. */
import { expect, test } from 'vitest';
import { simulateStores, type SimulateStoresOptions } from './simulate-stores.ts';

const play = (trial: SimulateStoresOptions['trial'], others: Partial<SimulateStoresOptions> = {}) =>
  simulateStores({ stores: 20, clients: 32, untilMs: 10_000, trial, ...others });

test('busy data stores on one processor write more if they share the trial of their intervals', () => {
  const [own, shared] = [play('own'), play('shared')];
  expect(shared.writesPerBatch).toBeGreaterThan(1.4 * own.writesPerBatch);
  expect(shared.perSecond).toBeGreaterThan(1.2 * own.perSecond);
});

test('data stores that share a trial have the same gain, and wait or not together', () => {
  const { gains } = play('shared');
  expect(new Set(gains).size).toBe(1);
  expect(gains[0]).toBeGreaterThan(0.1);
});

test('a shared trial ends the waits of data stores that do not slow each other down', () => {
  const wide = { stores: 5, untilMs: 20_000, isWide: true };
  const [none, shared] = [play('none', wide), play('shared', wide)];
  expect(shared.gains[0]).toBeLessThan(-0.05);
  expect(shared.perSecond).toBeGreaterThan(0.9 * none.perSecond);
});

test.each([1, 2])('data stores with %i clients each never wait', (clients) => {
  expect(play('shared', { clients })).toEqual(play('none', { clients }));
});

test('data stores that fall idle end their shared trial, and begin another', () => {
  const paused = { stores: 5, pause: { fromMs: 4000, untilMs: 8000 } };
  const [whole, split] = [play('shared', { stores: 5 }), play('shared', paused)];
  expect(split.perSecond).toBeGreaterThan(0.55 * whole.perSecond);
  expect(Math.abs(Math.max(...split.gains) - Math.max(...whole.gains))).toBeLessThan(0.15);
});
