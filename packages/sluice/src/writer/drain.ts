/** The drain: settles ready writes of the lanes that a session leads, one batch at each call. */
import type { Found } from './elector.ts';
import type { LaneBatches } from './lane-batches.ts';
import type { LaneSessionOptions } from './lane-session-options.ts';
import type { LockedLanes } from './locked-lanes.ts';
import type { Hints } from './wakeups.ts';

export interface DrainOptions extends Pick<
  LaneSessionOptions,
  'batchWritesMax' | 'batchPlaces' | 'isListening' | 'isHearing' | 'onWoken'
> {
  batches: LaneBatches;
  lockedLanes: LockedLanes;
  /** Hints that the intake has new writes. */
  reads: Hints;
}

export class Drain {
  readonly #options: DrainOptions;
  #mayHaveReady = false;
  /** Writes of the last batch. */
  #seen = 0;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Writes may be ready without a hint. */
  get mayHaveReady(): boolean {
    return this.#mayHaveReady;
  }

  noteReady(): void {
    this.#mayHaveReady = true;
  }

  hear(found: Found): void {
    this.#mayHaveReady = found.hasReady;
  }

  /**
   * Settles one batch of these lanes, if anything may be ready in them. An idle leader locks no rows.
   * @param found Result of the heartbeat that has ended a rest; null: something else has.
   */
  async settleNext(lanes: readonly number[], isWoken: boolean, found: Found | null): Promise<void> {
    const { lockedLanes, reads, batchPlaces } = this.#options;
    const open = lanes.filter((lane) => !lockedLanes.isResting(lane));
    const mayBeReady = reads.isDue || this.#mayHaveReady;
    const isLockedDue = lockedLanes.nextIn(open) === 0;
    if (open.length > 0 && !mayBeReady && !isLockedDue) return;
    if (open.length > 0 && mayBeReady && isWoken) this.#noteWakeup(found);
    const settle = async (): Promise<number> => {
      reads.take();
      // If the batch fails, it is tried again.
      this.#mayHaveReady = true;
      this.#mayHaveReady = open.length > 0 && (await this.#settle(open));
      return this.#seen;
    };
    await (open.length > 0 && batchPlaces !== undefined ? batchPlaces.run(this.#seen, settle) : settle());
  }

  /** Returns whether more may be ready. */
  async #settle(lanes: readonly number[]): Promise<boolean> {
    const { batches, batchWritesMax, isListening, reads } = this.#options;
    const { report, seen, woken, hasOtherLanes } = await batches.settle(lanes);
    this.#seen = seen;
    reads.note(seen);
    if (seen === 0 || woken > 0 || hasOtherLanes) return woken > 0 || hasOtherLanes;
    // A hint that came after the batch was read is kept; without hints, only an empty read ends the work.
    return seen >= batchWritesMax || report.deferred.length > 0 || !isListening();
  }

  /** A ready write that a heartbeat finds means a missed hint only if the hint had time to come. */
  #noteWakeup(found: Found | null): void {
    const { isListening, isHearing, onWoken, reads } = this.#options;
    if (reads.isPending) onWoken('hint');
    else if (!isListening()) onWoken('poll');
    else onWoken(isHearing() && found?.hasOverdue === true && !found.hasResumed ? 'missed_hint' : 'hint');
  }
}
