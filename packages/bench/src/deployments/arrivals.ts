/** Start times of requests, independent of answers: random arrivals with a mean rate (a Poisson process), the same for the same seed. */
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
