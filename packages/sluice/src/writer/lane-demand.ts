/**
 * How many sessions the lanes need, in the view of one leader. It measures its batches in windows of two seconds.
 * Full or slow batches ask for one leader more; ten quiet seconds allow one less. The greatest demand of all leaders
 * counts. docs/leadership.md explains why the limits are so far apart.
 */
import type { Load, Spread } from '#protocol';

export interface Demand {
  /** Sessions that should lead lanes. */
  sessions: number;
  load: Load;
  /** Percentage of the last window that this session has spent on batches. */
  busyPercent: number;
}

export interface LaneDemandOptions {
  lanes: number;
  batchWritesMax: number;
  spread: Spread;
  /** Milliseconds of a clock that only goes forward. @default performance.now */
  now?: () => number;
}

const windowMs = 2000;
/** Consecutive quiet windows until one leader less is enough. */
const quietWindows = 5;
/**
 * Time from which a batch is slow: a write waits for the batch under way and then for its own. A lower limit would be
 * wrong, because on an overloaded machine all batches take long, and more leaders would only add work.
 */
const slowBatchMs = 1000;
/**
 * A batch is light below this part of a full or a slow one. With one leader less, batches at most double, so they
 * stay below the limits.
 */
const lightPart = 1 / 3;
/** Shares of a window: in heavy batches, to ask for help; in batches that are not light, to count as quiet. */
const heavyShare = 0.5;
const quietShare = 0.1;
/** With one leader less, the others should have at most this part of what a session can settle. */
const roomPart = 0.7;
/** Step of the reported load, because each change costs a round trip. */
const busyStepPercent = 5;

export class LaneDemand {
  readonly #options: LaneDemandOptions;
  readonly #now: () => number;
  #windowStart = 0;
  /** Milliseconds of this window: in all batches, and in those of each kind. */
  #spent = { all: 0, full: 0, slow: 0, notLight: 0 };
  #writes = 0;
  /** Writes a second that this session can settle at least; known after it was at its limit. */
  #limit: number | null = null;
  #quiet = 0;
  #leaders = 0;
  #demand: Demand;

  constructor(options: LaneDemandOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#demand = this.#standby();
  }

  #standby(): Demand {
    const { spread, lanes } = this.#options;
    return spread === 'even'
      ? { sessions: lanes, load: 'even', busyPercent: 0 }
      : { sessions: 1, load: 'quiet', busyPercent: 0 };
  }

  /** Notes a batch that has settled something. */
  noteBatch(writes: number, tookMs: number): void {
    const isFull = writes >= this.#options.batchWritesMax;
    const isSlow = tookMs >= slowBatchMs;
    this.#writes += writes;
    this.#spent.all += tookMs;
    if (isFull) this.#spent.full += tookMs;
    else if (isSlow) this.#spent.slow += tookMs;
    if (writes >= this.#options.batchWritesMax * lightPart || tookMs >= slowBatchMs * lightPart)
      this.#spent.notLight += tookMs;
  }

  /**
   * The present demand of this session.
   * @param leaders Sessions that should lead now; 0: it is none of them.
   * @param led Number of lanes that it leads.
   */
  at(leaders: number, led: number): Demand {
    const now = this.#now();
    if (leaders !== this.#leaders) {
      // Measurements with another number of leaders do not count.
      this.#leaders = leaders;
      this.#quiet = 0;
      this.#openWindow(now);
      this.#demand = this.#standby();
      if (leaders > 1 && this.#options.spread === 'load')
        this.#demand = { sessions: leaders, load: 'busy', busyPercent: 0 };
    } else if (leaders > 0 && now - this.#windowStart >= windowMs) {
      this.#demand = this.#measured(now - this.#windowStart, led);
      this.#openWindow(now);
    }
    return this.#demand;
  }

  #openWindow(now: number): void {
    this.#windowStart = now;
    this.#writes = 0;
    this.#spent = { all: 0, full: 0, slow: 0, notLight: 0 };
  }

  #measured(tookMs: number, led: number): Demand {
    const { all, full, slow, notLight } = this.#spent;
    const busy = Math.min(1, all / tookMs);
    const busyPercent = Math.round((100 * busy) / busyStepPercent) * busyStepPercent;
    if (this.#options.spread === 'even') return { ...this.#standby(), busyPercent };
    const leaders = this.#leaders;
    const perSecond = (1000 * this.#writes) / tookMs;
    // A session that leads a single lane cannot be helped.
    if ((full + slow) / tookMs >= heavyShare && led > 1) {
      this.#quiet = 0;
      this.#limit = perSecond;
      return { sessions: leaders + 1, load: full >= slow ? 'full' : 'slow', busyPercent };
    }
    // With larger batches, it settles more in the same time.
    if (this.#limit !== null && busy > 0) this.#limit = Math.max(this.#limit, perSecond / busy);
    const withOneLess = (perSecond * leaders) / Math.max(1, leaders - 1);
    const hasRoom = this.#limit === null || withOneLess <= this.#limit * roomPart;
    this.#quiet = hasRoom && notLight / tookMs < quietShare ? this.#quiet + 1 : 0;
    const isQuiet = leaders === 1 ? this.#quiet > 0 : this.#quiet >= quietWindows;
    return {
      sessions: Math.max(1, isQuiet ? leaders - 1 : leaders),
      load: isQuiet ? 'quiet' : 'busy',
      busyPercent,
    };
  }
}
