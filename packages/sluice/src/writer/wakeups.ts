/**
 * When a session that leads lanes works: as hints say, at each heartbeat, and otherwise not. A flood of hints that lead to
 * nothing is met by a limit on what follows from them. No hint is dropped: while the limit is reached, hints wait together
 * for the next work that it allows.
 */
import { Allowance, Gathering, type AllowanceOptions } from '#protocol';

/** Hints of one kind, and the limit on the work that they have led to in vain. */
export class Hints {
  readonly #allowance: Allowance;
  readonly #rouse: () => void;
  readonly #gathering: Gathering | null;
  #isPending = false;
  /** The work under way answers hints. */
  #isAnswering = false;

  /** @param gathering Delays the work that hints ask for, so that it has more to do. @default nothing does */
  constructor(idle: AllowanceOptions, rouse: () => void, gathering: Gathering | null = null) {
    this.#allowance = new Allowance(idle);
    this.#rouse = rouse;
    this.#gathering = gathering;
  }

  /** A hint has come since the last work began. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** Milliseconds until work is due; infinite while there is no hint. */
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

  /** Work begins, for all hints so far. */
  take(): void {
    this.#isAnswering = this.#isPending;
    this.#isPending = false;
    this.#gathering?.begin();
  }

  /** Work is over. @param results What it came to: writes of a batch, for example. */
  note(results: number): void {
    this.#gathering?.end(results);
    if (results > 0) this.#allowance.giveBack();
    else if (this.#isAnswering) this.#allowance.spend();
  }
}

export class Wakeups {
  readonly #rouser = (): void => this.#rouse();
  /** Of batches. */
  readonly gathering = new Gathering({ worthWrites: 4, enoughWrites: 128, intervalMsMax: 50 });
  /** Read the intake. In ordinary traffic at most about every second read finds nothing, and each other pays for it. */
  readonly reads = new Hints({ burst: 25, perSecond: 50 }, this.#rouser, this.gathering);
  /** Look at what blocked writes await. */
  readonly looks = new Hints({ burst: 25, perSecond: 50 }, this.#rouser);
  /** Lanes may be free: the next heartbeat is due earlier. */
  readonly heartbeats = new Hints({ burst: 3, perSecond: 8 }, this.#rouser);
  #rouse: () => void = () => undefined;
  #nextHeartbeat = 0;

  /** True: it is time for a heartbeat, which begins. */
  takeHeartbeat(): boolean {
    if (performance.now() < this.#nextHeartbeat && !this.heartbeats.isDue) return false;
    this.heartbeats.take();
    return true;
  }

  /** @param milliseconds from now. 0: at once */
  nextHeartbeatIn(milliseconds: number): void {
    this.#nextHeartbeat = performance.now() + milliseconds;
  }

  /** Until the next heartbeat, or a hint that is heeded now, or this time is over. */
  async restUntilHeartbeat(milliseconds: number): Promise<void> {
    await this.rest(Math.min(milliseconds, this.#nextHeartbeat - performance.now(), this.heartbeats.dueInMs));
  }

  /** The same, but no longer than until a hint of any kind is heeded. */
  async restUntilDue(milliseconds: number): Promise<void> {
    await this.restUntilHeartbeat(Math.min(milliseconds, this.reads.dueInMs, this.looks.dueInMs));
  }

  /** Until it is roused, or the time is over. */
  async rest(milliseconds: number): Promise<void> {
    if (milliseconds <= 0) return;
    // Not by an AbortSignal: each would cost a batch of one a twentieth of a millisecond, for an error that no code uses.
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
