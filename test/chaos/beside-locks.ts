// How those fared who did not need the documents that somebody else had locked: their rate beside each lock, against the
// rate of as long before. Other faults come meanwhile, unless they are given no weight.

import type { Fault } from './faults.ts';
import type { AckRate } from './recorder.ts';

export interface BesideLocks {
  /** Locks that were held. */
  locks: number;
  /** Acknowledgements a second of neighbours, without and beside the locks; medians. */
  withoutPerSecond: number;
  besidePerSecond: number;
  /** The median of the ratios: at least 0.9 is the goal. */
  ratio: number;
}

/** Null: nobody locked anything, or the neighbours had nothing to write. */
export function besideLocks(faults: readonly Fault[], neighbours: AckRate): BesideLocks | null {
  const pairs = faults.flatMap(({ kind, lasted }) => {
    if (kind !== 'lockDocuments' || lasted === null) return [];
    const [from, to] = lasted;
    const without = neighbours.rate(from - (to - from), from);
    return without > 0 ? [{ without, beside: neighbours.rate(from, to) }] : [];
  });
  if (pairs.length === 0) return null;
  return {
    locks: pairs.length,
    withoutPerSecond: Math.round(median(pairs.map(({ without }) => without))),
    besidePerSecond: Math.round(median(pairs.map(({ beside }) => beside))),
    ratio: Math.round(median(pairs.map(({ without, beside }) => beside / without)) * 100) / 100,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
