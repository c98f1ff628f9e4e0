/**
 * What a node knows of the intake before it takes a write: which lanes have a leader, and how far each is behind. Read at
 * most once a second, and only while writes come: an idle node asks nothing. A lane that is too far behind, or that nobody
 * leads, refuses its own writes and no others.
 */
import { SluiceError } from '#protocol';
import type { Row } from '#store';

export interface IntakeGaugeOptions {
  /** Arrivals since the oldest ready write of a lane, from which on the lane takes no more; again below half of it. */
  highWaterWrites: number;
  /** Age of that write from which on the lane takes no more; again below half of it. */
  highWaterMs: number;
  /** How long a lane may be without a leader: hand-over and take-over are shorter. */
  leaderGraceMs: number;
  run: (name: string, values: readonly unknown[]) => Promise<Row[]>;
}

interface LaneGauge {
  /** By `performance.now()`: the first look since which none has seen a leader, nor that there was one; null: it has one. */
  leaderlessSince: number | null;
  /** It had none for longer than a hand-over takes, as of the look: what an older one said is no news of now. */
  isLeaderless: boolean;
  isOverloaded: boolean;
  oldestSeconds: number;
  /**
   * Nothing was ready up to this position: the next look begins behind it. What was not committed yet, or wakes, may appear
   * below and is not seen; where a lane does not get on, what comes after it is.
   */
  front: number;
}

/** A look that is older is repeated, while writes go on coming in. */
const lookIntervalMs = 1000;
/** One that is older than this is of no use: a write waits for the next, but not for long. */
const staleMs = 2000;
const lookTimeoutMs = 250;
/** Looking takes at most this share of the time, */
const lookShare = 0.05;
/** but an old result, of a slow read or a process without CPU time, refuses writes no longer than this. */
const lookPauseMaxMs = 10_000;
const retryAfterSecondsMax = 30;

export class IntakeGauge {
  readonly #options: IntakeGaugeOptions;
  readonly #lanes = new Map<number, LaneGauge>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #nextLookAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | null = null;

  constructor(options: IntakeGaugeOptions) {
    this.#options = options;
  }

  /** @throws {SluiceError} `overloaded` or `lane_without_leader` if the lane takes no writes now */
  async check(lane: number): Promise<void> {
    const now = performance.now();
    if (now >= this.#nextLookAt) {
      const looked = this.look();
      if (now - this.#lookedAt > staleMs) await within(looked, lookTimeoutMs);
    }
    const found = this.#lanes.get(lane);
    // Nothing is known while the database does not answer: the wait of a write has its own end.
    if (found === undefined) return;
    if (found.isLeaderless) {
      const retryAfterSeconds = Math.ceil(this.#options.leaderGraceMs / 1000);
      throw new SluiceError('lane_without_leader', undefined, { retryAfterSeconds });
    }
    if (found.isOverloaded) {
      const retryAfterSeconds = Math.min(retryAfterSecondsMax, Math.max(1, Math.ceil(found.oldestSeconds)));
      throw new SluiceError('overloaded', undefined, { retryAfterSeconds });
    }
  }

  get lanesWithoutLeader(): number[] {
    return this.#lanesThat((found) => found.isLeaderless);
  }

  get lanesOverloaded(): number[] {
    return this.#lanesThat((found) => found.isOverloaded);
  }

  /** Looks now, or joins a look that is under way. Never rejects: what was known goes on holding. */
  look(): Promise<void> {
    return (this.#looking ??= this.#look().finally(() => (this.#looking = null)));
  }

  async #look(): Promise<void> {
    const began = performance.now();
    try {
      // Below them are all rows that are dead, while a transaction is open elsewhere.
      const fronts = [...this.#lanes.values()].map(({ front }) => front);
      const rows = await this.#options.run('readGauge', [[...this.#lanes.keys()], fronts]);
      const now = (this.#lookedAt = performance.now());
      for (const row of rows) this.#take(row, now);
    } catch {
      // A write learns of the trouble from its own statement.
    }
    const took = performance.now() - began;
    this.#nextLookAt =
      performance.now() + Math.max(lookIntervalMs, Math.min(lookPauseMaxMs, took / lookShare));
  }

  #take(row: Row, now: number): void {
    const { highWaterWrites, highWaterMs, leaderGraceMs } = this.#options;
    const lane = row['lane'] as number;
    const before = this.#lanes.get(lane);
    // When its leader went is not known: a session that is lost leaves no time, and this node may not have looked for long.
    const changedAt = now - Number(row['changed_seconds']) * 1000;
    const behind = Number(row['behind'] ?? 0);
    const oldestSeconds = Number(row['oldest_seconds'] ?? 0);
    const share = before?.isOverloaded === true ? 0.5 : 1;
    const leaderlessSince =
      row['is_led'] === true ? null : Math.max(before?.leaderlessSince ?? now, changedAt);
    this.#lanes.set(lane, {
      leaderlessSince,
      isLeaderless: leaderlessSince !== null && now - leaderlessSince > leaderGraceMs,
      isOverloaded: behind >= highWaterWrites * share || oldestSeconds * 1000 >= highWaterMs * share,
      oldestSeconds,
      front: Number(row['front'] ?? 0),
    });
  }

  #lanesThat(is: (found: LaneGauge) => boolean): number[] {
    return [...this.#lanes].filter(([, found]) => is(found)).map(([lane]) => lane);
  }
}

async function within(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)))]);
  clearTimeout(timer);
}
