/**
 * A limit on work that comes to nothing, for example looks that hints ask for: a few at once, then so many a second. What
 * exceeds the limit waits and is never dropped, so the last hint of a flood is heeded, too.
 */
export interface AllowanceOptions {
  /** Taken at once, after a while without any. */
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
    // Rounded up: a wait that is too short to be measured would be waited for again and again.
    return this.#left >= 1 ? 0 : Math.ceil(((1 - this.#left) / this.#perSecond) * 1000);
  }

  /** One came to nothing. */
  spend(): void {
    this.#count();
    this.#left = Math.max(0, this.#left - 1);
  }

  /** One was worth it, so another may fail for it. */
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
