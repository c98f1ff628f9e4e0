/** Medians with their spread. A single figure would hide disturbances of the machine. */

export interface Spread {
  min: number;
  max: number;
}

export interface Summary extends Spread {
  median: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export function summarize(values: readonly number[], digits = 4): Summary {
  const round = (value: number): number => Number(value.toPrecision(digits));
  return { median: round(median(values)), min: round(Math.min(...values)), max: round(Math.max(...values)) };
}

/** A percentile of sorted values; null for an empty array. */
export function percentile(sorted: Float64Array, percent: number): number | null {
  if (sorted.length === 0) return null;
  const rank = Math.max(1, Math.ceil((sorted.length * percent) / 100));
  return Number((sorted[rank - 1] ?? 0).toPrecision(4));
}
