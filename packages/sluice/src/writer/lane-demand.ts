/**
 * How many sessions the lanes need, as one leader sees it. It measures its own batches in windows of two seconds: batches
 * that are full, or that take long, ask for one leader more; ten quiet seconds allow one less. The greatest demand of all
 * leaders counts. docs/leadership.md tells why the limits lie so far apart.
 */
import type { Load, Spread } from '#protocol';

export interface Demand {
  /** Sessions that are to lead lanes. */
  sessions: number;
  load: Load;
  /** Share of the last window that this session has spent on batches. */
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
/** So many quiet windows, one after another, until one leader less is enough. */
const quietWindows = 5;
/**
 * A batch is slow from here on: a write waits for the one under way and then for its own. Not less: on a machine that is
 * too busy all batches take long, and more leaders would only add to its work.
 */
const slowBatchMs = 1000;
/**
 * A batch is light below this part of a full or a slow one. With one leader less, batches grow to twice their size at most,
 * so they are still below those limits then.
 */
const lightPart = 1 / 3;
/** Shares of a window: in heavy batches, to ask for help; in batches that are not light, to count as quiet. */
const heavyShare = 0.5;
const quietShare = 0.1;
/** With one leader less, the others are to have at most this part of what a session can settle. */
const roomPart = 0.7;
/** So fine does it tell how busy it is: each change of it costs a round trip. */
const busyStepPercent = 5;

export class LaneDemand {
  readonly #options: LaneDemandOptions;
  readonly #now: () => number;
  #windowStart = 0;
  /** Milliseconds of this window: in all batches, and in those of each kind. */
  #spent = { all: 0, full: 0, slow: 0, notLight: 0 };
  #writes = 0;
  /** Writes a second that this session can settle at least, known since it could settle no more for a while. */
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

  /** A batch that has settled something. */
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
   * What this session demands now.
   * @param leaders Sessions that are to lead now; 0: it is none of them.
   * @param led Lanes that it leads.
   */
  at(leaders: number, led: number): Demand {
    const now = this.#now();
    if (leaders !== this.#leaders) {
      // What was measured with more or fewer leaders says nothing about now.
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
    // In larger batches than these it settles more in the same time.
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
