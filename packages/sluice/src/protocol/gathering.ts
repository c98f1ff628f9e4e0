/**
 * Decides how long a process waits for more writes before it begins its next batch. A batch costs nearly the same whether it
 * holds five writes or forty. So where many writes arrive while one batch runs, the process begins batches at an interval
 * that is longer than a batch takes, and each batch holds more of them.
 *
 * Two rules keep the wait from costing more than it gives:
 * - There is no interval while few writes arrive in the time that a batch takes. A lone client and an idle process never wait.
 * - Clients that wait for their answers send less when they wait for longer, unless the saved work lets others answer them
 *   sooner. So the process tries from time to time what it settles per second with the interval and without it. It has no
 *   interval while that costs throughput.
 *
 * Pure: it reads a clock and does nothing else. docs/performance.md has the figures.
 */
export interface GatheringOptions {
  /** An interval requires this many writes during one batch, on average. */
  worthWrites: number;
  /** A batch of this many writes costs hardly less per write if it has more. */
  enoughWrites: number;
  /** The longest interval. It bounds what a wait adds to the latency of a write. */
  intervalMsMax: number;
  /** Milliseconds by a clock that never goes back. @default performance.now */
  now?: () => number;
}

export interface GatheringState {
  /** Time from the start of one batch to the start of the next; 0: no interval. */
  intervalMs: number;
  /** What trials have shown: writes per second with the interval, as a part more (or less) than without it. */
  gain: number;
}

/** The interval, as a multiple of the time of a batch. */
const stretch = 2.5;
/** Weight of the last batch, and of the last trial, in the averages. */
const lastPart = 0.25;
/** After a longer pause, older measurements do not count. */
const pauseMsMax = 1000;
/** A trial compares two periods of this length. */
const periodMs = 250;
/** After this many consecutive trials, there is one trial in this many periods. */
const firstTrials = 4;
const periodsPerTrial = 8;
/** Most gain or loss that a single trial counts for, because the load may have changed meanwhile. */
const trialGainMax = 0.5;
/** There is no interval below this gain. Above it, less work is worth more. */
const gainMin = -0.05;

export class Gathering {
  readonly #options: GatheringOptions;
  readonly #now: () => number;
  /** Averages of a batch: its writes, milliseconds since the one before began, milliseconds that it takes. */
  #writes = 0;
  #gapMs = pauseMsMax;
  #tookMs = 0;
  #intervalMs = 0;
  #beganAt = Number.NEGATIVE_INFINITY;
  /** When the last batch with writes began. */
  #countedAt = Number.NEGATIVE_INFINITY;
  /** The present period, the rate of the previous one if they are comparable, and the number of trials so far. */
  #period: { since: number; writes: number } | null = null;
  #rateBefore: number | null = null;
  #periods = 0;
  #isTrial = false;
  #gain = 0;

  constructor(options: GatheringOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get state(): GatheringState {
    return { intervalMs: this.#gathers ? this.#intervalMs : 0, gain: this.#gain };
  }

  /** Whole milliseconds until the next batch starts; 0: it may start now. */
  get waitMs(): number {
    if (!this.#gathers) return 0;
    return Math.max(0, Math.ceil(this.#beganAt + this.#intervalMs - this.#now()));
  }

  /** Whether there is an interval. A trial does the opposite of what seems better. */
  get #gathers(): boolean {
    return this.#gain >= gainMin !== this.#isTrial;
  }

  /** A batch starts, with all writes that have arrived. */
  begin(): void {
    this.#beganAt = this.#now();
  }

  /** The batch has ended. @param writes How many writes it had. */
  end(writes: number): void {
    if (writes === 0) return;
    const now = this.#now();
    const gapMs = Math.min(pauseMsMax, this.#beganAt - this.#countedAt);
    this.#countedAt = this.#beganAt;
    this.#writes += lastPart * (writes - this.#writes);
    this.#gapMs += lastPart * (gapMs - this.#gapMs);
    this.#tookMs += lastPart * (now - this.#beganAt - this.#tookMs);
    const rate = this.#writes / Math.max(1, this.#gapMs);
    const { worthWrites, enoughWrites, intervalMsMax } = this.#options;
    const isWorthIt = rate * this.#tookMs >= worthWrites;
    this.#intervalMs = isWorthIt ? Math.min(stretch * this.#tookMs, enoughWrites / rate, intervalMsMax) : 0;
    this.#notePeriod(writes, now, isWorthIt);
  }

  #notePeriod(writes: number, now: number, isWorthIt: boolean): void {
    if (!isWorthIt) {
      this.#period = this.#rateBefore = null;
      return;
    }
    if (this.#period === null) {
      this.#period = { since: now, writes: 0 };
      return;
    }
    this.#period.writes += writes;
    const tookMs = now - this.#period.since;
    if (tookMs < periodMs) return;
    const rate = this.#period.writes / tookMs;
    if (this.#isTrial && this.#rateBefore !== null) this.#noteTrial(rate, this.#rateBefore);
    this.#periods += 1;
    const every = this.#periods < 2 * firstTrials ? 2 : periodsPerTrial;
    this.#isTrial = !this.#isTrial && this.#periods % every === every - 1;
    this.#rateBefore = this.#isTrial ? rate : null;
    this.#period = { since: now, writes: 0 };
  }

  #noteTrial(tried: number, before: number): void {
    const [gathered, atOnce] = this.#gain >= gainMin ? [before, tried] : [tried, before];
    const gain = Math.max(-trialGainMax, Math.min(trialGainMax, gathered / atOnce - 1));
    this.#gain += lastPart * (gain - this.#gain);
  }
}
