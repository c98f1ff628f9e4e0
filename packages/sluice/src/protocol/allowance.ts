/**
 * Limits work without result, e.g. reads that hints ask for: a few together, then a fixed number a second. Work
 * beyond the limit waits and is never dropped, so the last hint of a flood is obeyed, too.
 */
export interface AllowanceOptions {
  /** Most attempts together, after a while without any. */
  burst: number;
  perSecond: number;
  /** Milliseconds by a clock that never goes back. @default performance.now */
  now?: () => number;
}

export class Allowance {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #now: () => number;
  #left: number;
  #countedAt: number;

  constructor({ burst, perSecond, now = () => performance.now() }: AllowanceOptions) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#now = now;
    this.#left = burst;
    this.#countedAt = now();
  }

  /** Whole milliseconds until the next is allowed; 0: it is allowed now. */
  get waitMs(): number {
    this.#count();
    // Rounded up, because a wait that is too short to measure would be repeated.
    return this.#left >= 1 ? 0 : Math.ceil(((1 - this.#left) / this.#perSecond) * 1000);
  }

  /** Counts an attempt without result. */
  spend(): void {
    this.#count();
    this.#left = Math.max(0, this.#left - 1);
  }

  /** Counts an attempt with result, which pays for another without. */
  giveBack(): void {
    this.#count();
    this.#left = Math.min(this.#burst, this.#left + 1);
  }

  #count(): void {
    const now = this.#now();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#countedAt) / 1000) * this.#perSecond);
    this.#countedAt = now;
  }
}
