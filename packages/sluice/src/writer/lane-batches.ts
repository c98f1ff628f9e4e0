/** Settles batches of the lanes that a session leads, for each step of its loop, and handles their effects. */
import {
  emptyReport,
  makeDeadLetter,
  intakeOrigin,
  settleBatch,
  type BatchReport,
  type Origin,
} from '#batch';
import { hasFailpoint, passFailpoint } from '#protocol';
import type { Session, Statement } from '#store';
import type { BlockedWrites } from './blocked-writes.ts';
import type { Elector } from './elector.ts';
import type { LaneDemand } from './lane-demand.ts';
import type { LaneSessionOptions } from './lane-session-options.ts';
import type { LockedLanes } from './locked-lanes.ts';
import type { ReadyFront } from './ready-front.ts';

/** From this number of writes, fewer system calls matter more than an early start of the first statement. */
const wholeFlightWrites = 8;

export interface LaneBatch {
  report: BatchReport;
  /** Writes that it has read. */
  seen: number;
  /** Blocked writes that it has woken. */
  woken: number;
  /** Lanes that were left out, because an operator has paused them, or another transaction has locked their rows. */
  leftOut: ReadonlySet<number>;
  /** The set of lanes that can go on has changed meanwhile, so more writes may be ready. */
  hasOtherLanes: boolean;
}

interface LaneBatchesOptions extends Pick<LaneSessionOptions, 'batchWritesMax' | 'settle' | 'onBatch'> {
  elector: Elector;
  demand: LaneDemand;
  front: ReadyFront;
  lockedLanes: LockedLanes;
  blocked: BlockedWrites;
}

export class LaneBatches {
  readonly #session: Session;
  readonly #options: LaneBatchesOptions;

  constructor(session: Session, options: LaneBatchesOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Settles one batch of these lanes: the ready writes, or those that `only` names. */
  async settle(lanes: readonly number[], only: readonly string[] | null = null): Promise<LaneBatch> {
    const { elector, demand, front, lockedLanes, blocked, settle } = this.#options;
    const { paused } = elector;
    const pausedBefore = new Set(paused);
    const locked = new Set<number>();
    const began = performance.now();
    const report = emptyReport();
    try {
      const options = { ...settle, withBlocked: blocked.mayExist };
      await settleBatch(this.#session, this.#originOf(lanes, locked), options, only, report);
    } catch (error) {
      blocked.noteCut(report);
      throw error;
    }
    const seen = report.outcomes.length + report.deferred.length + report.blocked.length;
    this.#session.sendsWhole = seen >= wholeFlightWrites;
    if (seen > 0) demand.noteBatch(seen, performance.now() - began);
    front.noteRead(seen === 0 ? performance.now() - began : report.readMs);
    const leftOut = new Set([...locked, ...paused, ...pausedBefore]);
    const read = lanes.filter((lane) => !leftOut.has(lane));
    // Before any write wakes, because that lowers the mark again.
    if (only === null) front.noteBatch(read, report);
    await this.#tellOfLocks(locked, lockedLanes.clear(lanes.filter((lane) => !locked.has(lane))));
    const hasResumed = [...pausedBefore].some((lane) => !paused.has(lane));
    if (hasResumed) blocked.takeOver();
    const woken = seen === 0 ? 0 : await this.#followUp(report);
    const hasOtherLanes =
      hasResumed || locked.size > 0 || [...paused].some((lane) => !pausedBefore.has(lane));
    return { report, seen, woken, leftOut, hasOtherLanes };
  }

  /** Settles a write as a dead letter, without trying it again. */
  async makeDeadLetter(lane: number, writeId: string, deaths: number): Promise<void> {
    await this.#followUp(
      await makeDeadLetter(this.#session, this.#originOf([lane], new Set()), writeId, deaths),
    );
  }

  #originOf(lanes: readonly number[], locked: Set<number>): Origin {
    const { elector, front, lockedLanes, blocked, batchWritesMax } = this.#options;
    const led = new Map(lanes.map((lane) => [lane, elector.terms.get(lane) ?? 0]));
    return intakeOrigin(led, batchWritesMax, {
      paused: elector.paused,
      readsKnown: !blocked.mayExist,
      front: front.forBatch(led.size),
      onLocked(more) {
        lockedLanes.note(more);
        for (const lane of more) locked.add(lane);
      },
    });
  }

  /** Wakes the writes that the batch has resolved. Returns how many. */
  async #followUp(report: BatchReport): Promise<number> {
    const { elector, blocked, onBatch } = this.#options;
    const lanes = [...elector.terms.keys()];
    onBatch(report);
    if (hasFailpoint('committed')) await passFailpoint('committed', lanes);
    return blocked.afterBatch(report, lanes);
  }

  /** Shows operators why a lane stops if another transaction locks its row for long. */
  async #tellOfLocks(locked: ReadonlySet<number>, freed: readonly number[]): Promise<void> {
    const { elector, lockedLanes } = this.#options;
    const notes = lockedLanes.toTell(locked).map(([lane, tries]): Statement => {
      const values = [[lane], [elector.terms.get(lane) ?? 0], tries, lockedLanes.nextIn([lane]), '55P03'];
      return { name: 'noteRetry', values, isOptional: true };
    });
    if (freed.length > 0) notes.push({ name: 'forgetRetry', values: [freed], isOptional: true });
    if (notes.length > 0) await this.#session.flight(notes);
  }
}
