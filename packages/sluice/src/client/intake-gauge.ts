/**
 * What a node checks before it takes a write: whether the lane has a leader, and how far it is behind. It reads at
 * most once a second, and only while writes come. A lane that is too far behind, or has no leader, refuses its own
 * writes only.
 */
import { SluiceError } from '#protocol';
import type { Row } from '#store';

interface IntakeGaugeOptions {
  /** Arrivals since the oldest ready write of a lane at which the lane takes no more. It takes writes again below 50 %. */
  highWaterWrites: number;
  /** Age of that write, in milliseconds, at which the lane takes no more. It takes writes again below 50 %. */
  highWaterMs: number;
  /** How long a lane may be without a leader, in milliseconds: hand-over and take-over are shorter. */
  leaderGraceMs: number;
  run: (name: string, values: readonly unknown[]) => Promise<Row[]>;
  onError: (error: unknown, doing: string) => void;
}

interface LaneGauge {
  /** The first of the consecutive reads without a leader, by `performance.now()`; null: the lane has one. */
  leaderlessSince: number | null;
  /** At that read, the lane had no leader for longer than a hand-over takes. An older read does not count. */
  isLeaderless: boolean;
  isOverloaded: boolean;
  oldestSeconds: number;
  /**
   * Nothing was ready up to this position, so the next read starts after it. Writes that commit late or wake may
   * appear below and are not seen; if the lane is stuck, later writes show it.
   */
  front: number;
}

/** A read that is older is repeated while writes arrive. */
const lookIntervalMs = 1000;
/** A read that is older is useless: a write then waits for the next read, but only briefly. */
const staleMs = 2000;
const lookTimeoutMs = 250;
/** Largest share of time that reads take, */
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
    // Nothing is known while the database does not answer. The write's own wait ends it.
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

  /** What {@link check} last knew of the lane; true if it knew nothing yet. */
  takes(lane: number): boolean {
    const found = this.#lanes.get(lane);
    return found === undefined || (!found.isLeaderless && !found.isOverloaded);
  }

  get lanesWithoutLeader(): number[] {
    return this.#lanesThat((found) => found.isLeaderless);
  }

  get lanesOverloaded(): number[] {
    return this.#lanesThat((found) => found.isOverloaded);
  }

  /** Reads now, or joins a read that is under way. Never rejects: the last result stays. */
  look(): Promise<void> {
    return (this.#looking ??= this.#look().finally(() => (this.#looking = null)));
  }

  async #look(): Promise<void> {
    const began = performance.now();
    try {
      // Dead rows stay below these positions while another session has an open transaction.
      const fronts = [...this.#lanes.values()].map(({ front }) => front);
      const rows = await this.#options.run('readGauge', [[...this.#lanes.keys()], fronts]);
      const now = (this.#lookedAt = performance.now());
      for (const row of rows) this.#take(row, now);
    } catch (error) {
      // A write learns of the failure from its own statement.
      this.#options.onError(error, 'readGauge');
    }
    const took = performance.now() - began;
    this.#nextLookAt =
      performance.now() + Math.max(lookIntervalMs, Math.min(lookPauseMaxMs, took / lookShare));
  }

  #take(row: Row, now: number): void {
    const { highWaterWrites, highWaterMs, leaderGraceMs } = this.#options;
    const lane = row['lane'] as number;
    const before = this.#lanes.get(lane);
    // It is unknown when the leader left: a lost session leaves no time, and this node may not have read for long.
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
