/** The time in which documents count: from the end of the warm-up, for a given duration. */

export interface WindowResult {
  /** Stored within the window. */
  documents: number;
  /** Milliseconds of each document, as its client saw it; empty if no client waits. */
  latencies: Float64Array;
  elapsedMs: number;
  /** All stored documents, with those of the warm-up. */
  stored: number;
  /** For requests at a given rate. */
  openLoop?: {
    failed: number;
    /** Delay of a request after its intended start. */
    lateP99Ms: number | null;
    /** When each request was sent, in milliseconds after the warm-up. */
    sentAt: number[];
  };
}

export interface WindowOptions {
  warmupMs: number;
  durationMs: number;
  onWarm: () => void;
}

export class Window {
  readonly #warmupMs: number;
  readonly #durationMs: number;
  readonly #onWarm: () => void;
  #opensAt = Number.POSITIVE_INFINITY;
  #closesAt = Number.POSITIVE_INFINITY;
  #latencies = new Float64Array(65_536);
  #documents = 0;
  #stored = 0;
  #hasWarmed = false;

  constructor(options: WindowOptions) {
    this.#warmupMs = options.warmupMs;
    this.#durationMs = options.durationMs;
    this.#onWarm = options.onWarm;
  }

  begin(): void {
    this.#opensAt = performance.now() + this.#warmupMs;
    this.#closesAt = this.#opensAt + this.#durationMs;
    setTimeout(() => this.#warm(), this.#warmupMs);
  }

  #warm(): void {
    if (this.#hasWarmed) return;
    this.#hasWarmed = true;
    this.#onWarm();
  }

  get isOver(): boolean {
    return performance.now() >= this.#closesAt;
  }

  get isWarm(): boolean {
    return performance.now() >= this.#opensAt;
  }

  /** A document was answered; its client had waited since `startedAt`. */
  record(startedAt: number, isStored = true): void {
    if (isStored) this.#stored += 1;
    const now = performance.now();
    if (now < this.#opensAt || now >= this.#closesAt) return;
    if (this.#documents === this.#latencies.length) {
      const grown = new Float64Array(this.#latencies.length * 2);
      grown.set(this.#latencies);
      this.#latencies = grown;
    }
    this.#latencies[this.#documents++] = now - startedAt;
  }

  result(): WindowResult {
    this.#warm();
    return {
      documents: this.#documents,
      latencies: this.#latencies.slice(0, this.#documents),
      elapsedMs: Math.max(1, Math.min(performance.now(), this.#closesAt) - this.#opensAt),
      stored: this.#stored,
    };
  }
}
