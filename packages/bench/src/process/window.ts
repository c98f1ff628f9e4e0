/** The span of time in which documents count: it opens after the warm-up and lasts as long as was asked for. */

export interface WindowResult {
  /** Stored within the window. */
  documents: number;
  /** Milliseconds that each of them took, as its client saw it; empty where no client waits. */
  latencies: Float64Array;
  elapsedMs: number;
  /** Stored in all, the warm-up included. */
  stored: number;
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
  #isWarm = false;
  #excludedMs = 0;

  constructor(options: { warmupMs: number; durationMs: number; onWarm: () => void }) {
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
    if (this.#isWarm) return;
    this.#isWarm = true;
    this.#onWarm();
  }

  get isOver(): boolean {
    return performance.now() >= this.#closesAt;
  }

  /** Time that does not count, if the window is open: it closes so much later. */
  exclude(milliseconds: number): void {
    if (!this.isOpen) return;
    this.#closesAt += milliseconds;
    this.#excludedMs += milliseconds;
  }

  get isOpen(): boolean {
    const now = performance.now();
    return now >= this.#opensAt && now < this.#closesAt;
  }

  /** A document was stored that somebody had waited for since then. */
  record(startedAt: number): void {
    this.#stored += 1;
    const now = performance.now();
    if (now < this.#opensAt || now >= this.#closesAt) return;
    if (this.#documents === this.#latencies.length) {
      const grown = new Float64Array(this.#latencies.length * 2);
      grown.set(this.#latencies);
      this.#latencies = grown;
    }
    this.#latencies[this.#documents++] = now - startedAt;
  }

  /** Many were stored that nobody waited for. */
  recordMany(documents: number): void {
    this.#stored += documents;
    if (this.isOpen) this.#documents += documents;
  }

  result(hasLatencies: boolean): WindowResult {
    this.#warm();
    const end = Math.min(performance.now(), this.#closesAt);
    return {
      documents: this.#documents,
      latencies: hasLatencies ? this.#latencies.slice(0, this.#documents) : new Float64Array(0),
      elapsedMs: Math.max(1, end - this.#opensAt - this.#excludedMs),
      stored: this.#stored,
    };
  }
}
