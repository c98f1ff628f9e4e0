/** Reports a repeated event once, and after a while its count. */

/** Milliseconds until an event of one kind is reported again. */
const intervalMs = 10_000;
/** Most kinds of events that are remembered. */
const kindsMax = 1000;

export class Seldom {
  readonly #now: () => number;
  readonly #told = new Map<string, { at: number; since: number }>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Null: do not report now. Otherwise the count since the last report, if there was one. */
  note(kind: string): { repeated?: number } | null {
    const told = this.#told.get(kind);
    const now = this.#now();
    if (told !== undefined && now < told.at + intervalMs) {
      told.since += 1;
      return null;
    }
    if (this.#told.size >= kindsMax) this.#told.clear();
    this.#told.set(kind, { at: now, since: 0 });
    return told === undefined || told.since === 0 ? {} : { repeated: told.since };
  }
}
