/**
 * Decides when a session that leads lanes works: on hints, and at each heartbeat. A limit on useless work stops a
 * flood of hints. No hint is dropped: at the limit, hints wait together for the next allowed work.
 */
import { Allowance, Gathering, type AllowanceOptions, type GatheringTrial } from '#protocol';

/** Hints of one kind, and the limit on the useless work that they cause. */
export class Hints {
  readonly #allowance: Allowance;
  readonly #rouse: () => void;
  readonly #gathering: Gathering | null;
  #isPending = false;
  /** The present work answers hints. */
  #isAnswering = false;

  /** @param gathering Delays the work that hints ask for, so that it has more to do. @default no delay */
  constructor(idle: AllowanceOptions, rouse: () => void, gathering: Gathering | null = null) {
    this.#allowance = new Allowance(idle);
    this.#rouse = rouse;
    this.#gathering = gathering;
  }

  /** A hint has come since the last work started. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** Milliseconds until work is due; Infinity without a hint. */
  get dueInMs(): number {
    if (!this.#isPending) return Number.POSITIVE_INFINITY;
    return Math.max(this.#allowance.waitMs, this.#gathering?.waitMs ?? 0);
  }

  get isDue(): boolean {
    return this.dueInMs === 0;
  }

  hint(): void {
    if (this.#isPending) return;
    this.#isPending = true;
    this.#rouse();
  }

  /** Work starts, for all hints so far. */
  take(): void {
    this.#isAnswering = this.#isPending;
    this.#isPending = false;
    this.#gathering?.begin();
  }

  /** Work has ended. @param results Number of its results, e.g. writes of a batch. */
  note(results: number): void {
    this.#gathering?.end(results);
    if (results > 0) this.#allowance.giveBack();
    else if (this.#isAnswering) this.#allowance.spend();
  }
}

export class Wakeups {
  readonly #rouser = (): void => this.#rouse();
  /** Gathering of batches. */
  readonly gathering: Gathering;
  /** Reads of the intake. In ordinary traffic, about every second read finds nothing, and each useful one pays for it. */
  readonly reads: Hints;
  /** Reads of what blocked writes await. */
  readonly looks = new Hints({ burst: 25, perSecond: 50 }, this.#rouser);
  /** Lanes may be free, so the next heartbeat is due earlier. */
  readonly heartbeats = new Hints({ burst: 3, perSecond: 8 }, this.#rouser);
  #rouse: () => void = () => undefined;
  #nextHeartbeat = 0;

  /** @param trial Of the gathering. @default one for this session */
  constructor(trial?: GatheringTrial) {
    this.gathering = new Gathering({ worthWrites: 4, enoughWrites: 128, intervalMsMax: 50, trial });
    this.reads = new Hints({ burst: 25, perSecond: 50 }, this.#rouser, this.gathering);
  }

  /** Whether it is time for a heartbeat, which then starts. */
  takeHeartbeat(): boolean {
    if (performance.now() < this.#nextHeartbeat && !this.heartbeats.isDue) return false;
    this.heartbeats.take();
    return true;
  }

  /** @param milliseconds From now. 0: without delay */
  nextHeartbeatIn(milliseconds: number): void {
    this.#nextHeartbeat = performance.now() + milliseconds;
  }

  /** Rests until the next heartbeat, an allowed hint, or the end of this time. */
  async restUntilHeartbeat(milliseconds: number): Promise<void> {
    await this.rest(Math.min(milliseconds, this.#nextHeartbeat - performance.now(), this.heartbeats.dueInMs));
  }

  /** The same, but ends at an allowed hint of any kind. */
  async restUntilDue(milliseconds: number): Promise<void> {
    await this.restUntilHeartbeat(Math.min(milliseconds, this.reads.dueInMs, this.looks.dueInMs));
  }

  /** Rests until it is woken, or the time is over. */
  async rest(milliseconds: number): Promise<void> {
    if (milliseconds <= 0) return;
    // Without an AbortSignal, which would cost a small batch a twentieth of a millisecond, for an unused error.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#rouse = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#rouse = () => undefined;
  }

  rouse(): void {
    this.#rouse();
  }
}
