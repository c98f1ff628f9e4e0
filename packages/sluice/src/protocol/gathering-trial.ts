/**
 * Decides whether an interval between batches pays, for one `Gathering` or for all that share the trial. The work that an interval
 * saves gives processor time to every data store of the process, while each store sees only its own wait. So they change
 * together, and their writes are counted together.
 *
 * Pure: it reads a clock and does nothing else.
 */

/** A trial compares two periods of this length, or of so many intervals if that is longer. */
const periodMs = 250;
const periodIntervals = 5;
/** A period that took this many times longer compares nothing, because no writes came for a while. */
const tooLong = 4;
/** After this many consecutive trials, there is one trial in this many periods. */
const firstTrials = 4;
const periodsPerTrial = 8;
/** Weight of the last trial in the average. */
const lastPart = 0.25;
/** Most gain or loss that a single trial counts for, because the load may have changed meanwhile. */
const trialGainMax = 0.5;
/** There is no interval below this gain. Above it, less work is worth more. */
const gainMin = -0.05;

interface Period {
  since: number;
  lengthMs: number;
  writes: number;
  /** Of these writes, those in batches of processes that would wait. */
  waitingWrites: number;
  sharers: Set<object>;
}

export class GatheringTrial {
  readonly #now: () => number;
  /** The present period, the rate of the previous one if they are comparable, and the number of periods so far. */
  #period: Period | null = null;
  #rateBefore: number | null = null;
  #periods = 0;
  #isTrial = false;
  #gain = 0;
  #sharers = 1;

  /** @param now Milliseconds by a clock that never goes back. @default performance.now */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What trials have shown: writes per second with the interval, as a part more (or less) than without it. */
  get gain(): number {
    return this.#gain;
  }

  /** Whether there is an interval. A trial does the opposite of what seems better. */
  get gathers(): boolean {
    return this.#gain >= gainMin !== this.#isTrial;
  }

  /** How many would have an interval in the last period; at least 1. */
  get sharers(): number {
    return this.#sharers;
  }

  /**
   * A batch has ended.
   * @param intervalMs The interval of its `Gathering`, which is there unless the trial shows a loss. 0: there is none.
   */
  note(gathering: object, writes: number, intervalMs: number): void {
    const now = this.#now();
    const period = this.#period;
    if (period === null) {
      if (intervalMs > 0) this.#begin(now);
      return;
    }
    period.writes += writes;
    if (intervalMs > 0) {
      period.waitingWrites += writes;
      period.sharers.add(gathering);
      period.lengthMs = Math.max(period.lengthMs, periodIntervals * intervalMs);
    }
    const tookMs = now - period.since;
    if (tookMs < period.lengthMs) return;
    const isComparable = 2 * period.waitingWrites >= period.writes && tookMs <= tooLong * period.lengthMs;
    if (isComparable) this.#end(period, period.writes / tookMs, now);
    else this.#forget();
  }

  #begin(now: number): void {
    this.#period = { since: now, lengthMs: periodMs, writes: 0, waitingWrites: 0, sharers: new Set() };
  }

  #forget(): void {
    this.#period = this.#rateBefore = null;
    this.#isTrial = false;
  }

  #end({ sharers }: Period, rate: number, now: number): void {
    this.#sharers = sharers.size;
    if (this.#isTrial && this.#rateBefore !== null) this.#noteTrial(rate, this.#rateBefore);
    this.#periods += 1;
    const every = this.#periods < 2 * firstTrials ? 2 : periodsPerTrial;
    this.#isTrial = !this.#isTrial && this.#periods % every === every - 1;
    this.#rateBefore = this.#isTrial ? rate : null;
    this.#begin(now);
  }

  #noteTrial(tried: number, before: number): void {
    const [gathered, atOnce] = this.#gain >= gainMin ? [before, tried] : [tried, before];
    const gain = Math.max(-trialGainMax, Math.min(trialGainMax, gathered / atOnce - 1));
    this.#gain += lastPart * (gain - this.#gain);
  }
}
