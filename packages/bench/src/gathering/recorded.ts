/**
 * When requests were sent in runs of `sluice bench --workload open-loop` with each `--pattern`, with their lateness and
 * the granularity of timers. docs/performance.md says how to record arrivals. For each pattern, recorded.json has the gaps
 * between them in tenths of a millisecond, separated by blanks.
 */
import type { Pattern } from '../deployments/arrivals.ts';
import recorded from './recorded.json' with { type: 'json' };

/** Milliseconds from the start, in order. */
export function recordedArrivals(pattern: Pattern): number[] {
  let tenths = 0;
  return recorded[pattern].split(' ').map((gap) => (tenths += Number(gap)) / 10);
}
