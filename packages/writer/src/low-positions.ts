/**
 * Below which position each lane has nothing ready any more. While some transaction elsewhere stays open nothing dead is
 * removed, and a drain that began at the front of a lane would pass over all that was settled since, batch after batch.
 * A position is given before it is committed, so one may appear below the bound; found later than what was submitted after
 * it, it would break the order of its document. So the bound keeps a distance in which every insert has ended, and a sweep
 * without it comes at a take-over and again and again all the same (sql/README.md, low positions).
 */

/** The server ends an insert into the intake after ten seconds. */
const distanceMs = 11_000;
/** What was settled is noted so often: the bound follows in steps of this length. */
const stepMs = 1000;
const sweepIntervalMs = 1000;
/** Sweeps take at most this share of the time. */
const sweepShare = 0.02;

type Bounds = Map<number, number>;

export class LowPositions {
  readonly #now: () => number;
  /** What reads begin behind. */
  #bounds: Bounds = new Map();
  /** What was settled at some times since then: bounds, once the distance is kept. */
  #coming: { since: number; bounds: Bounds }[] = [];
  #settled: Bounds = new Map();
  #nextSweepAt = Number.NEGATIVE_INFINITY;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Everything ready of this lane is behind this position, or else for the sweep to find. */
  of(lane: number): number {
    return this.#bounds.get(lane) ?? 0;
  }

  /** All that was ready of these lanes up to this position has been settled or set aside. */
  raise(lanes: readonly number[], position: number): void {
    const now = this.#now();
    for (let first = this.#coming[0]; first !== undefined && now - first.since >= distanceMs;) {
      this.#bounds = first.bounds;
      this.#coming.shift();
      first = this.#coming[0];
    }
    if (now - (this.#coming.at(-1)?.since ?? Number.NEGATIVE_INFINITY) >= stepMs) {
      this.#coming.push({ since: now, bounds: new Map(this.#settled) });
    }
    for (const lane of lanes) this.#settled.set(lane, Math.max(this.#settled.get(lane) ?? 0, position));
  }

  /** Something of this position is ready again. */
  lower(position: number): void {
    for (const bounds of this.#all) {
      for (const [lane, bound] of bounds) if (bound >= position) bounds.set(lane, position - 1);
    }
  }

  /** Of lanes that are led no longer nothing is known. */
  keepOnly(led: ReadonlyMap<number, unknown>): void {
    for (const bounds of this.#all) {
      for (const lane of bounds.keys()) if (!led.has(lane)) bounds.delete(lane);
    }
  }

  get #all(): Bounds[] {
    return [this.#bounds, ...this.#coming.map(({ bounds }) => bounds), this.#settled];
  }

  /** The next look is to leave nothing out. */
  get isSweepDue(): boolean {
    return this.#bounds.size > 0 && this.#now() >= this.#nextSweepAt;
  }

  /** A look has left nothing out, and took so long. */
  noteSweep(milliseconds: number): void {
    this.#nextSweepAt = this.#now() + Math.max(sweepIntervalMs, milliseconds / sweepShare);
  }
}
