// How long it took after each fault until its lanes committed again: from the fault to the first outcome under a newer
// term, by the database's clock. A lane that had nothing to do for a while counts with that while, so it is an upper bound.

import type { FaultKind } from './fault-weights.ts';
import { endsLeadership, type Fault } from './faults.ts';
import type { OutcomeRow } from './history.ts';

export interface Quantiles {
  n: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

export type Recovery = Partial<Record<FaultKind, Quantiles>>;

/** Milliseconds, in the order of the faults. */
export type RecoveryTimes = Partial<Record<FaultKind, number[]>>;

export function recoveryTimesOf(faults: readonly Fault[], outcomes: readonly OutcomeRow[]): RecoveryTimes {
  const firsts = firstCommits(outcomes);
  const took: RecoveryTimes = {};
  for (const { kind, at, lanes, readyAgainMs } of faults) {
    const times = endsLeadership.has(kind)
      ? lanes.flatMap(([lane, term]) => nextCommit(firsts.get(lane) ?? [], term) ?? [])
      : [];
    const first =
      times.length > 0 ? (Math.min(...times) - at) / 1000 : kind === 'killNode' ? readyAgainMs : null;
    if (first === null || first < 0) continue;
    (took[kind] ??= []).push(Math.round(first));
  }
  return took;
}

export function recoveryOf(times: RecoveryTimes): Recovery {
  return Object.fromEntries(Object.entries(times).map(([kind, took]) => [kind, quantiles(took)]));
}

/** Of each lane, when each of its terms committed first. */
function firstCommits(outcomes: readonly OutcomeRow[]): Map<number, { term: number; at: number }[]> {
  const byLane = new Map<number, Map<number, number>>();
  for (const { lane, term, at } of outcomes) {
    if (term === null) continue;
    const terms = byLane.get(lane) ?? new Map<number, number>();
    byLane.set(lane, terms);
    if ((terms.get(term) ?? Number.POSITIVE_INFINITY) > at) terms.set(term, at);
  }
  return new Map(
    [...byLane].map(([lane, terms]) => [
      lane,
      [...terms].map(([term, at]) => ({ term, at })).sort((a, b) => a.term - b.term),
    ]),
  );
}

function nextCommit(firsts: readonly { term: number; at: number }[], after: number): number | null {
  return firsts.find(({ term }) => term > after)?.at ?? null;
}

export function quantiles(times: readonly number[]): Quantiles {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { n: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
