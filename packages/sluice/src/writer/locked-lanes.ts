/**
 * Lanes that a session leads and that cannot go on, because another transaction has locked rows that they need.
 * Batches leave them out, so that other lanes go on, and retry them after doubling pauses.
 */

/** Nodes on the fast path and cancellations hold the row of a lane for milliseconds; another program may hold it for long. */
const pauseMs = { min: 2, max: 250 };

/** Operators are told after this many tries, about a second, and then again at intervals. */
const told = { after: 10, every: 4 };

interface LockedLane {
  tries: number;
  until: number;
}

export class LockedLanes {
  readonly #now: () => number;
  readonly #lanes = new Map<number, LockedLane>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** These lanes could not go on. */
  note(lanes: Iterable<number>): void {
    // Lanes that stop together are tried again together.
    const now = this.#now();
    for (const lane of lanes) {
      const tries = (this.#lanes.get(lane)?.tries ?? 0) + 1;
      const pause = Math.min(pauseMs.min * 2 ** (tries - 1), pauseMs.max);
      this.#lanes.set(lane, { tries, until: now + pause });
    }
  }

  /** These lanes went on. Returns those that were reported to operators. */
  clear(lanes: Iterable<number>): number[] {
    const wereTold: number[] = [];
    for (const lane of lanes) {
      if ((this.#lanes.get(lane)?.tries ?? 0) >= told.after) wereTold.push(lane);
      this.#lanes.delete(lane);
    }
    return wereTold;
  }

  /** The lanes to report to operators now, each with its tries. */
  toTell(lanes: Iterable<number>): [lane: number, tries: number][] {
    return [...lanes].flatMap((lane): [number, number][] => {
      const tries = this.#lanes.get(lane)?.tries ?? 0;
      return tries >= told.after && (tries - told.after) % told.every === 0 ? [[lane, tries]] : [];
    });
  }

  keepOnly(led: ReadonlyMap<number, unknown>): void {
    for (const lane of this.#lanes.keys()) if (!led.has(lane)) this.#lanes.delete(lane);
  }

  /** Whether it is too early to try the lane. */
  isResting(lane: number): boolean {
    const locked = this.#lanes.get(lane);
    return locked !== undefined && locked.until > this.#now();
  }

  /** Milliseconds until the next of these lanes is tried; Infinity: none is left out. */
  nextIn(lanes: Iterable<number>): number {
    let next = Number.POSITIVE_INFINITY;
    for (const lane of lanes) next = Math.min(next, this.#lanes.get(lane)?.until ?? Number.POSITIVE_INFINITY);
    return Math.max(0, next - this.#now());
  }
}
