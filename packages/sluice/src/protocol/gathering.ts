/**
 * Decides how long a process waits for more writes before it begins its next batch. A batch costs nearly the same whether it
 * holds five writes or forty. So where many writes arrive while one batch runs, the process begins batches at an interval
 * that is longer than a batch takes, and each batch holds more of them.
 *
 * Two rules keep the wait from costing more than it gives:
 * - There is no interval while few writes arrive in the time that a batch takes. A lone client and an idle process never wait.
 * - Clients that wait for their answers send less when they wait for longer, unless the saved work lets others answer them
 *   sooner. So a trial (gathering-trial.ts) compares from time to time what the process settles per second with the interval and
 *   without it. It has no interval while that costs throughput.
 *
 * Pure: it reads a clock and does nothing else. docs/performance.md has the figures.
 */
import { GatheringTrial } from './gathering-trial.ts';

export interface GatheringOptions {
  /** An interval requires this many writes during one batch, on average. Half of them if others share the trial. */
  worthWrites: number;
  /** A batch of this many writes costs hardly less per write if it has more. */
  enoughWrites: number;
  /** The longest interval. It bounds what a wait adds to the latency of a write. Up to four times that if others share the trial. */
  intervalMsMax: number;
  /** Decides whether an interval pays. Data stores of one process share it. @default one for this object only */
  trial?: GatheringTrial | undefined;
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
/** Weight of the last batch in the averages. */
const lastPart = 0.25;
/** After a longer pause, older measurements do not count. */
const pauseMsMax = 1000;
/** Batches of so many data stores may each wait for the others: the longest interval grows with their number. */
const sharersMax = 4;

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
  readonly #trial: GatheringTrial;

  constructor(options: GatheringOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#trial = options.trial ?? new GatheringTrial(this.#now);
  }

  get state(): GatheringState {
    const { gathers, gain } = this.#trial;
    return { intervalMs: gathers ? this.#intervalMs : 0, gain };
  }

  /** Whole milliseconds until the next batch starts; 0: it may start now. */
  get waitMs(): number {
    if (!this.#trial.gathers) return 0;
    return Math.max(0, Math.ceil(this.#beganAt + this.#intervalMs - this.#now()));
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
    const sharers = Math.min(sharersMax, this.#trial.sharers);
    const isWorthIt = rate * this.#tookMs >= worthWrites / (sharers > 1 ? 2 : 1);
    const longestMs = intervalMsMax * sharers;
    this.#intervalMs = isWorthIt ? Math.min(stretch * this.#tookMs, enoughWrites / rate, longestMs) : 0;
    this.#trial.note(this, writes, this.#intervalMs);
  }
}
