/**
 * Blocked writes that wait for a row which another transaction has locked. No hint reports the end of that
 * transaction, so they are retried, together and apart from other writes, after growing pauses. Visible locks are
 * tried often. Locks that show only to a session that waits (a key, a row of a projection) take a limited share of
 * the time.
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
  /** Their locks show only to a session that waits. */
  isWaited: boolean;
  /** Longest wait for a lock that no query can find, in milliseconds. */
  lockWaitMs: number;
}

const pauseMs = { min: 5, max: 250, waitedMax: 2000 };
/** Largest share of time for tries that wait, until their pauses are the longest. */
const waitedShare = 0.05;
/** It grows from try to try, because a busy lock may only be free for a session that waits. */
const lockWaitMs = { min: 25, max: 100 };
const tryWritesMax = 256;
const togetherMs = pauseMs.max / 2;

export class LockWaits {
  readonly #now: () => number;
  readonly #waits = new Map<string, LockWait>();
  /** No try that waits comes before this time. */
  #waitedAt = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Found among the blocked writes; nothing is known of its lock. */
  add(writeId: string, lane: number): void {
    if (!this.#waits.has(writeId)) this.#waits.set(writeId, { lane, tries: 0, at: 0, isWaited: false });
  }

  /** Notes the writes that a batch, or a try of this duration, has left waiting for a lock, and those that it has settled. */
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

  /** A write that had to wait is settled, so others may have waited for the same lock. */
  #hurry(): void {
    this.#waitedAt = 0;
    for (const wait of this.#waits.values()) if (wait.isWaited) wait.at = Math.min(wait.at, this.#now());
  }

  /** A try did not reach these writes, because their lanes cannot go on. */
  postpone(writeIds: Iterable<string>): void {
    for (const writeId of writeIds) {
      const wait = this.#waits.get(writeId);
      if (wait !== undefined) this.#postpone(writeId, wait.lane, wait.isWaited, 0);
    }
  }

  /** These writes no longer exist. */
  forget(writeIds: Iterable<string>): void {
    for (const writeId of writeIds) this.#waits.delete(writeId);
  }

  /** Milliseconds until the next retry; Infinity: no write waits in these lanes. */
  nextIn(lanes: ReadonlySet<number>): number {
    let next = Number.POSITIVE_INFINITY;
    for (const wait of this.#waits.values())
      if (lanes.has(wait.lane)) next = Math.min(next, this.#dueAt(wait));
    return Math.max(0, next - this.#now());
  }

  #dueAt({ at, isWaited }: LockWait): number {
    return isWaited ? Math.max(at, this.#waitedAt) : at;
  }

  /** The writes to retry now in these lanes, all of one kind, so that quick tries do not wait for slow ones. */
  due(lanes: ReadonlySet<number>): LockTry | null {
    const now = this.#now();
    const due = [...this.#waits].filter(([, wait]) => this.#dueAt(wait) <= now && lanes.has(wait.lane));
    if (due.length === 0) return null;
    const isWaited = due.every(([, wait]) => wait.isWaited);
    // Writes that are due soon join, so many locks cost no more tries than one.
    const tried = [...this.#waits]
      .filter(([, { lane, at }]) => at <= now + togetherMs && lanes.has(lane))
      .filter(([, wait]) => wait.isWaited === isWaited)
      .sort(([, one], [, other]) => one.at - other.at)
      // Each of those that wait would wait in vain, so one is tried for all.
      .slice(0, isWaited ? 1 : tryWritesMax);
    return {
      writeIds: tried.map(([writeId]) => writeId),
      isWaited,
      lanes: [...new Set(tried.map(([, { lane }]) => lane))].sort((a, b) => a - b),
      lockWaitMs: Math.min(
        lockWaitMs.min * 2 ** Math.max(...tried.map(([, { tries }]) => tries - 1), 0),
        lockWaitMs.max,
      ),
    };
  }
}
