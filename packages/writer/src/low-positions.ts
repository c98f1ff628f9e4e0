/**
 * Below which position each lane has nothing ready any more. While some transaction elsewhere stays open nothing dead is
 * removed, and a drain that began at the front of a lane would pass over all that was settled since, batch after batch.
 * A position is given before it is committed, so one may appear below what has been settled; found later than what was
 * submitted after it, it would break the order of its document. So the bound follows what was settled once every
 * transaction has ended that wrote to the intake then, and a batch that was read afterwards has been settled. A sweep
 * without the bound comes at a take-over and again and again all the same (sql/README.md, low positions).
 */

/** Who writes to the intake is asked so often. */
const lookIntervalMs = 50;
/** Bounds to come, where those who write take longer than that. */
const comingMax = 4;
const sweepIntervalMs = 1000;
/** Sweeps take at most this share of the time. */
const sweepShare = 0.005;

type Bounds = Map<number, number>;

interface Coming {
  /** What had been settled at the look that made it. */
  bounds: Bounds;
  /** Who wrote then. */
  writing: ReadonlySet<string>;
  hasEnded: boolean;
}

export class LowPositions {
  readonly #now: () => number;
  /** What reads begin behind. */
  readonly #bounds: Bounds = new Map();
  #coming: Coming[] = [];
  readonly #settled: Bounds = new Map();
  #nextLookAt = Number.NEGATIVE_INFINITY;
  #nextSweepAt = Number.NEGATIVE_INFINITY;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Everything ready of this lane is behind this position, or else for the sweep to find. */
  of(lane: number): number {
    return this.#bounds.get(lane) ?? 0;
  }

  /** The last position that was settled in any of the lanes. */
  get settled(): number {
    return Math.max(0, ...this.#settled.values());
  }

  /** It is time to ask who writes to the intake. */
  get isLookDue(): boolean {
    return this.#now() >= this.#nextLookAt;
  }

  /** These transactions wrote to the intake, at a moment before the ready writes of a batch were read. */
  look(writing: readonly string[]): void {
    this.#nextLookAt = this.#now() + lookIntervalMs;
    for (const coming of this.#coming)
      coming.hasEnded ||= !writing.some((transaction) => coming.writing.has(transaction));
    if (this.#coming.length < comingMax)
      this.#coming.push({ bounds: new Map(this.#settled), writing: new Set(writing), hasEnded: false });
  }

  /** A batch is settled: up to this position nothing that it could see is ready any more in the lanes it was read from. */
  raise(lanes: readonly number[], position: number): void {
    for (const { bounds } of this.#coming.filter(({ hasEnded }) => hasEnded)) {
      for (const lane of lanes) {
        const bound = bounds.get(lane) ?? 0;
        if (bound > this.of(lane) && bound <= position) this.#bounds.set(lane, bound);
      }
    }
    this.#coming = this.#coming.filter(({ hasEnded }) => !hasEnded);
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
    return [this.#bounds, this.#settled, ...this.#coming.map(({ bounds }) => bounds)];
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
