/**
 * Lanes that a session leads and that cannot go on, as another transaction has locked rows without which nothing of theirs
 * can be settled. Batches leave them out, so that the others go on, and try them again after pauses that double.
 */

/** Nodes on their fast path and cancellations hold the row of a lane for milliseconds; an outsider for as long as it likes. */
const pauseMs = { min: 2, max: 250 };

/** After so many tries operators are told: about a second; and then after as many again as make another. */
const told = { after: 10, every: 4 };

interface Aside {
  tries: number;
  until: number;
}

export class LanesAside {
  readonly #now: () => number;
  readonly #aside = new Map<number, Aside>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** They could not go on. */
  note(lanes: Iterable<number>): void {
    // Those that stand still together are tried again together.
    const now = this.#now();
    for (const lane of lanes) {
      const tries = (this.#aside.get(lane)?.tries ?? 0) + 1;
      const pause = Math.min(pauseMs.min * 2 ** (tries - 1), pauseMs.max);
      this.#aside.set(lane, { tries, until: now + pause });
    }
  }

  /** They went on. Gives those of which operators had been told. */
  clear(lanes: Iterable<number>): number[] {
    const wereTold: number[] = [];
    for (const lane of lanes) {
      if ((this.#aside.get(lane)?.tries ?? 0) >= told.after) wereTold.push(lane);
      this.#aside.delete(lane);
    }
    return wereTold;
  }

  /** Of these lanes those of which operators are to be told now, each with its tries. */
  toTell(lanes: Iterable<number>): [lane: number, tries: number][] {
    return [...lanes].flatMap((lane): [number, number][] => {
      const tries = this.#aside.get(lane)?.tries ?? 0;
      return tries >= told.after && (tries - told.after) % told.every === 0 ? [[lane, tries]] : [];
    });
  }

  keepOnly(led: ReadonlyMap<number, unknown>): void {
    for (const lane of this.#aside.keys()) if (!led.has(lane)) this.#aside.delete(lane);
  }

  /** It is not to be tried yet. */
  isResting(lane: number): boolean {
    const aside = this.#aside.get(lane);
    return aside !== undefined && aside.until > this.#now();
  }

  /** When the next of these lanes is to be tried again; Infinity: none of them is left out. */
  nextIn(lanes: Iterable<number>): number {
    let next = Number.POSITIVE_INFINITY;
    for (const lane of lanes) next = Math.min(next, this.#aside.get(lane)?.until ?? Number.POSITIVE_INFINITY);
    return Math.max(0, next - this.#now());
  }
}
