/** What happens again and again is told once, and after a while how often it came since. */

/** Kinds of things that are remembered. */
const kindsMax = 1000;

export class Seldom {
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #told = new Map<string, { at: number; since: number }>();

  /** @param intervalMs Things of one kind are told again after this long. @default 10000 */
  constructor(now: () => number = () => performance.now(), intervalMs = 10_000) {
    this.#now = now;
    this.#intervalMs = intervalMs;
  }

  /** Null: not now. Else how often it came since it was told last, if it was. */
  note(kind: string): { repeated?: number } | null {
    const told = this.#told.get(kind);
    const now = this.#now();
    if (told !== undefined && now < told.at + this.#intervalMs) {
      told.since += 1;
      return null;
    }
    if (this.#told.size >= kindsMax) this.#told.clear();
    this.#told.set(kind, { at: now, since: 0 });
    return told === undefined || told.since === 0 ? {} : { repeated: told.since };
  }
}
