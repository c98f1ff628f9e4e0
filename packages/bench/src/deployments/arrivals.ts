/** Start times of requests, independent of answers: a Poisson process with a mean rate, the same for the same seed. */
import { seededDraw } from '../workload/bench-model.ts';

/** How the rate of arrivals changes, around its mean. */
export interface Shape {
  /** The rate at a moment, as a multiple of the mean. */
  at: (ms: number) => number;
  peak: number;
}

export const patternNames = ['steady', 'bursts', 'on-off', 'ramp'] as const;
export type Pattern = (typeof patternNames)[number];

export const shapes: Record<Pattern, Shape> = {
  steady: { peak: 1, at: () => 1 },
  bursts: { peak: 10, at: (ms) => (ms % 200 < 20 ? 10 : 0) },
  'on-off': { peak: 1.96, at: (ms) => (ms % 2000 < 1000 ? 1.96 : 0.04) },
  ramp: { peak: 2, at: (ms) => 2 * (1 - Math.abs((ms % 4000) / 2000 - 1)) },
};

/** Milliseconds from the start, in order. */
export function* arrivals(
  perSecond: number,
  seed: number,
  { peak, at }: Shape = shapes.steady,
): Generator<number, never> {
  const draw = seededDraw(seed);
  const meanMs = 1000 / (perSecond * peak);
  for (let atMs = 0; ;) {
    atMs -= Math.log(1 - draw()) * meanMs;
    const part = at(atMs) / peak;
    if (part === 1 || draw() < part) yield atMs;
  }
}
