/**
 * Blocked writes that wait for a row which another transaction has locked. Nothing tells when that transaction ends, so
 * they are tried again, together and apart from all others, after pauses that grow. What can be looked for without waiting
 * is tried often; what shows only to a session that waits for it (a key, a row of a projection) takes a bounded share of the time.
 */
import type { BatchReport } from '#batch';
import { waitsForLock } from '#batch';

interface LockWait {
  lane: number;
  tries: number;
  at: number;
  isWaited: boolean;
}

/** Writes that are tried again together. */
export interface LockTry {
  writeIds: string[];
  lanes: number[];
  /** How long a lock may be waited for that does not show otherwise. */
  lockWaitMs: number;
}

const pauseMs = { min: 5, max: 250, waitedMax: 2000 };
/** Tries that wait take at most this share of the time, until their pauses are the longest. */
const waitedShare = 0.05;
/** Longer from try to try: a lock may be free now and then, for those who wait. */
const lockWaitMs = { min: 25, max: 100 };
const tryWritesMax = 256;
const togetherMs = pauseMs.max / 2;

export class LockWaits {
  readonly #now: () => number;
  readonly #waits = new Map<string, LockWait>();
  /** No try that waits comes before. */
  #waitedAt = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Found among the blocked writes, without anything that is known of its lock. */
  add(writeId: string, lane: number): void {
    if (!this.#waits.has(writeId)) this.#waits.set(writeId, { lane, tries: 0, at: 0, isWaited: false });
  }

  /** What a batch, or a try that took so long, has left waiting for a lock, and what it has settled. */
  note(report: Pick<BatchReport, 'outcomes' | 'deferred' | 'blocked' | 'waited'>, tookMs: number): void {
    for (const { write } of report.outcomes) {
      if (this.#waits.get(write.writeId)?.isWaited === true) this.#hurry();
      this.#waits.delete(write.writeId);
    }
    for (const { writeId, lane } of report.deferred)
      if (this.#waits.has(writeId)) this.#postpone(writeId, lane, false, tookMs);
    if (report.blocked.length === 0) return;
    const waited = new Set(report.waited.map(({ writeId }) => writeId));
    for (const each of report.blocked) {
      const { writeId, lane } = each.write;
      if (!waitsForLock(each)) this.#waits.delete(writeId);
      else this.#postpone(writeId, lane, waited.has(writeId), tookMs);
    }
  }

  #postpone(writeId: string, lane: number, isWaited: boolean, tookMs: number): void {
    const tries = (this.#waits.get(writeId)?.tries ?? 0) + 1;
    const pause = Math.min(pauseMs.min * 2 ** (tries - 1), isWaited ? pauseMs.waitedMax : pauseMs.max);
    const share = isWaited ? Math.min(tookMs / waitedShare, pauseMs.waitedMax) : 0;
    const at = this.#now() + Math.max(pause, share);
    if (isWaited) this.#waitedAt = Math.max(this.#waitedAt, this.#now() + share);
    this.#waits.set(writeId, { lane, tries, at, isWaited });
  }

  /** One that had to wait is settled: others may have waited for the same lock. */
  #hurry(): void {
    this.#waitedAt = 0;
    for (const wait of this.#waits.values()) if (wait.isWaited) wait.at = Math.min(wait.at, this.#now());
  }

  /** A try came to nothing, because its lanes cannot go on. */
  postpone({ writeIds }: LockTry): void {
    for (const writeId of writeIds) {
      const wait = this.#waits.get(writeId);
      if (wait !== undefined) this.#postpone(writeId, wait.lane, wait.isWaited, 0);
    }
  }

  /** They are no longer there. */
  forget(writeIds: Iterable<string>): void {
    for (const writeId of writeIds) this.#waits.delete(writeId);
  }

  /** Until the next is to be tried again; Infinity: none waits in these lanes. */
  nextIn(lanes: ReadonlySet<number>): number {
    let next = Number.POSITIVE_INFINITY;
    for (const wait of this.#waits.values())
      if (lanes.has(wait.lane)) next = Math.min(next, this.#dueAt(wait));
    return Math.max(0, next - this.#now());
  }

  #dueAt({ at, isWaited }: LockWait): number {
    return isWaited ? Math.max(at, this.#waitedAt) : at;
  }

  /** What is to be tried again now in these lanes, of one kind: so nothing that is quickly told waits for what is not. */
  due(lanes: ReadonlySet<number>): LockTry | null {
    const now = this.#now();
    const due = [...this.#waits].filter(([, wait]) => this.#dueAt(wait) <= now && lanes.has(wait.lane));
    if (due.length === 0) return null;
    const isWaited = due.every(([, wait]) => wait.isWaited);
    // Those that would be tried soon go along: so many locks cost no more tries than one.
    const tried = [...this.#waits]
      .filter(([, { lane, at }]) => at <= now + togetherMs && lanes.has(lane))
      .filter(([, wait]) => wait.isWaited === isWaited)
      .sort(([, one], [, other]) => one.at - other.at)
      // Each of those that wait would wait in vain: one tells for the others.
      .slice(0, isWaited ? 1 : tryWritesMax);
    return {
      writeIds: tried.map(([writeId]) => writeId),
      lanes: [...new Set(tried.map(([, { lane }]) => lane))].sort((a, b) => a - b),
      lockWaitMs: Math.min(
        lockWaitMs.min * 2 ** Math.max(...tried.map(([, { tries }]) => tries - 1), 0),
        lockWaitMs.max,
      ),
    };
  }
}
