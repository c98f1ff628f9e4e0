/** Durations in buckets that grow by 2 %: percentiles of any number of documents, in constant memory. */

const growth = Math.log(1.02);
/** End of the first bucket. */
const smallestMs = 0.01;

export class Latency {
  readonly #counts: number[] = [];
  #total = 0;

  record(ms: number): void {
    const bucket = Math.max(0, Math.ceil(Math.log(ms / smallestMs) / growth));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
  }

  /** Within 2 % of the true value; 0 if nothing was recorded. */
  percentileMs(percent: number): number {
    const rank = Math.ceil((this.#total * percent) / 100);
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank && seen > 0) return Number((smallestMs * Math.exp(bucket * growth)).toPrecision(3));
    }
    return 0;
  }
}
