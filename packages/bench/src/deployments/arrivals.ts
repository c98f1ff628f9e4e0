/**
 * When requests are to start, whether or not those before them have been answered: arrivals at random, so many a second on
 * average (a Poisson process), the same for the same seed.
 */
import { seededDraw } from '../workload/bench-model.ts';

/** Milliseconds from the start, in order. */
export function* arrivals(perSecond: number, seed: number): Generator<number, never> {
  const draw = seededDraw(seed);
  const meanMs = 1000 / perSecond;
  for (let atMs = 0; ;) {
    atMs -= Math.log(1 - draw()) * meanMs;
    yield atMs;
  }
}
