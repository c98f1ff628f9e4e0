/**
 * Places for the batches of all data stores that a process has open on one PostgreSQL server. A batch costs nearly the same
 * whether it holds five writes or forty. On a busy machine, batches of many stores only slow each other down. So few of them run
 * at a time. The others wait for their turn, and then take all writes that have arrived meanwhile.
 *
 * - There are fewer places while batches take longer than the fastest of the last ones. A machine that is not busy has all of them.
 * - A large batch needs no place. No batch waits for long, and a stuck one loses its place, so no store depends on the others.
 *
 * It reads a clock, sets timers, and does nothing else.
 */

const placesMax = 4;
/** Longest wait for a place, and longest time with one, in milliseconds. */
const turnMs = 250;
/** A batch of this many writes costs hardly less per write if it has more. */
const largeWrites = 64;
/** Weight of the last batch in the average. */
const lastPart = 0.05;
/** Growth of the shortest time with each batch, so that it follows the load. */
const growth = 1.002;

export interface BatchPlace {
  /** The batch has ended. @param writes How many writes it had. */
  leave(writes: number): void;
}

const noPlace: BatchPlace = { leave: () => undefined };

export class BatchPlaces {
  readonly #now: () => number;
  #held = 0;
  #waiting: ((place: BatchPlace) => void)[] = [];
  /** Time that a batch takes on average, and at least. */
  #averageMs = 0;
  #leastMs = Number.POSITIVE_INFINITY;

  /** @param now Milliseconds by a clock that never goes back. @default performance.now */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get places(): number {
    if (this.#averageMs === 0) return placesMax;
    return Math.max(1, Math.min(placesMax, Math.round((placesMax * this.#leastMs) / this.#averageMs)));
  }

  /**
   * Runs a batch in its turn.
   * @param expected How many writes it will have, as far as is known.
   * @param batch Returns how many it had.
   */
  async run(expected: number, batch: () => Promise<number>): Promise<void> {
    const place = await this.enter(expected);
    let writes = 0;
    try {
      writes = await batch();
    } finally {
      place.leave(writes);
    }
  }

  /** Resolves when a batch may begin that is expected to have this many writes. */
  enter(writes: number): BatchPlace | Promise<BatchPlace> {
    if (writes >= largeWrites) return noPlace;
    if (this.#waiting.length === 0 && this.#held < this.places) return this.#take();
    return new Promise((resolve) => {
      const begin = (place: BatchPlace): void => {
        clearTimeout(late);
        resolve(place);
      };
      const late = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== begin);
        resolve(noPlace);
      }, turnMs);
      this.#waiting.push(begin);
    });
  }

  #take(): BatchPlace {
    this.#held += 1;
    const began = this.#now();
    let hasPlace = true;
    const giveBack = (): void => {
      if (!hasPlace) return;
      hasPlace = false;
      this.#held -= 1;
      while (this.#held < this.places && this.#waiting.length > 0) this.#waiting.shift()?.(this.#take());
    };
    const late = setTimeout(giveBack, turnMs);
    return {
      leave: (writes) => {
        clearTimeout(late);
        if (writes > 0) this.#note(Math.min(turnMs, this.#now() - began));
        giveBack();
      },
    };
  }

  #note(tookMs: number): void {
    this.#averageMs += (this.#averageMs === 0 ? 1 : lastPart) * (tookMs - this.#averageMs);
    this.#leastMs = Math.min(tookMs, this.#leastMs * growth);
  }
}

/** The places of each server. */
export class ServerPlaces {
  readonly #servers = new Map<string, BatchPlaces>();

  of(server: string): BatchPlaces {
    const places = this.#servers.get(server) ?? new BatchPlaces();
    this.#servers.set(server, places);
    return places;
  }
}
