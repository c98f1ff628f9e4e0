/**
 * The blocked writes of the lanes that a session leads, and how they wake. Only the leader of their own lane wakes
 * them, and always after a read in a new snapshot. It reads after every batch, on a hint of what other lanes have
 * settled, and slice by slice without any hint. docs/blocked-writes.md explains why no wakeup is lost.
 */
import { identityKeysOf, isApplied } from '#protocol';
import { lockedOrigin, waitsForLock, type BatchReport, type Origin } from '#batch';
import type { Session } from '#store';
import { AwaitedIds } from './awaited-ids.ts';
import { Cycles } from './cycles.ts';
import type { Heard } from './heartbeat.ts';
import { LockWaits, type LockTry } from './lock-waits.ts';
import { settleBlocked, type BlockedBatch, type SettleBlockedOptions } from './settle-blocked.ts';
import type { Hints } from './wakeups.ts';
import { WaitWatch, type FindBlocker } from './watch-wait.ts';

interface BlockedWritesOptions extends Omit<SettleBlockedOptions, 'onCut'> {
  onBatch: (report: BatchReport) => void;
  findBlocker: FindBlocker;
  /** Hints that awaited ids have changed. */
  looks: Hints;
  /** A write of this position, and perhaps later ones, is ready again. */
  onWoken: (position: number) => void;
}

/** Most hinted ids that are waiting to be read. */
const hintedMax = 20_000;
/** Most awaited ids in one slice of the scan without hints. */
const sliceMax = 2000;
/** Largest share of time for that scan, except after a take-over. */
const lookShare = 0.02;
const nowhere = '00000000-0000-0000-0000-000000000000';

export class BlockedWrites {
  readonly #session: Session;
  readonly #options: BlockedWritesOptions;
  readonly #settling: SettleBlockedOptions;
  readonly #awaited: AwaitedIds;
  readonly #cycles: Cycles;
  readonly #lockWaits = new LockWaits();
  readonly #watch: WaitWatch;
  /** Writes of these and other lanes may be blocked. */
  #mayExist = false;
  #mayExistElsewhere = false;
  /** Ids that other lanes have hinted. */
  readonly #hinted = new Set<string>();
  #after: [string, string] = [nowhere, nowhere];
  #nextSliceAt = 0;
  /** The previous leader may have died between a commit and its hint, so everything is read without pauses. */
  #isTakingOver = false;

  constructor(session: Session, options: BlockedWritesOptions) {
    this.#session = session;
    this.#options = options;
    this.#watch = new WaitWatch(options.findBlocker);
    this.#awaited = new AwaitedIds(session, options.onWoken);
    this.#settling = { ...options, onCut: (report) => this.noteCut(report) };
    this.#cycles = new Cycles(session, {
      ...this.#settling,
      onSettled: (report, led) => {
        options.onBatch(report);
        return this.afterBatch(report, led);
      },
      onRefused: (met, gone, led) => this.#awaited.wake(met, gone, led),
    });
  }

  /** Writes of the led lanes may be blocked. */
  get mayExist(): boolean {
    return this.#mayExist;
  }

  hear({ hasBlocked, hasBlockedElsewhere, hasTaken, hasResumed }: Heard): void {
    this.#mayExist = hasBlocked;
    this.#mayExistElsewhere = hasBlockedElsewhere;
    // Changes in paused lanes were ignored, so these lanes are read like taken ones.
    if (hasTaken || hasResumed) this.takeOver();
  }

  /** Remembers ids to read. Ids that no write awaits cost nothing. */
  hint(ids: readonly string[]): void {
    if (!this.#mayExist) return;
    // More ids are a flood; the scan without hints finds the rest.
    if (this.#hinted.size < hintedMax) for (const id of ids) this.#hinted.add(id);
    if (this.#hinted.size > 0) this.#options.looks.hint();
  }

  /** Reads everything that is blocked, without pauses. */
  takeOver(): void {
    this.#isTakingOver = true;
    this.#after = [nowhere, nowhere];
  }

  /** Milliseconds until a write that waits for a lock is tried again in these lanes. */
  nextTryIn(lanes: ReadonlySet<number>): number {
    return this.#lockWaits.nextIn(lanes);
  }

  /**
   * Wakes writes that may go on, and retries writes that wait for a lock. Returns how many writes may go on.
   * @param drained The lanes that are drained, with their terms.
   * @param lanes All led lanes.
   * @param isHeartbeat Reads even without a hint.
   */
  async wakeNext(
    drained: ReadonlyMap<number, number>,
    lanes: readonly number[],
    isHeartbeat: boolean,
  ): Promise<number> {
    const { looks } = this.#options;
    const tried = await this.#tryLocked(drained);
    if (this.#mayExist && !isHeartbeat && !looks.isDue) return tried;
    looks.take();
    if (!this.#mayExist) return tried;
    const woken = await this.#look(lanes);
    looks.note(woken);
    return tried + woken;
  }

  /** Retries writes that wait for a lock, if it is time. Returns how many writes may go on because of it. */
  async #tryLocked(terms: ReadonlyMap<number, number>): Promise<number> {
    const { paused } = this.#options;
    const due = this.#lockWaits.due(new Set([...terms.keys()].filter((lane) => !paused.has(lane))));
    if (due === null) return 0;
    const led = new Map(due.lanes.map((lane) => [lane, terms.get(lane) ?? 0]));
    const began = performance.now();
    const origin = lockedOrigin(led, due.writeIds);
    const { report, isWhole } = await this.#try(origin, due);
    const { outcomes, blocked, deferred } = report;
    const found = new Set([...outcomes, ...blocked].map(({ write }) => write.writeId));
    for (const { writeId } of deferred) found.add(writeId);
    const left = due.writeIds.filter((writeId) => !found.has(writeId));
    if (isWhole) this.#lockWaits.forget(left);
    else this.#lockWaits.postpone(left);
    this.#lockWaits.note(report, performance.now() - began);
    if (outcomes.length > 0) this.#options.onBatch(report);
    const others = { ...report, blocked: blocked.filter((each) => !waitsForLock(each)) };
    return outcomes.length + (await this.#afterSettling(others, [...terms.keys()]));
  }

  async #try(origin: Origin, { isWaited, lockWaitMs }: LockTry): Promise<BlockedBatch> {
    const session = this.#session;
    const endWatch = isWaited ? this.#watch.begin(session.pid, lockWaitMs) : null;
    try {
      const batch = await settleBlocked(session, origin, this.#settling, lockWaitMs);
      const ids = batch.report.waited.map(({ writeId }) => writeId);
      const locker = endWatch?.() ?? null;
      if (locker !== null && ids.length > 0) {
        const values = [ids, ids.map(() => locker)];
        await session.flight([{ name: 'noteLockers', values, isOptional: true }]);
      }
      return batch;
    } finally {
      endWatch?.();
    }
  }

  /** Wakes writes that a batch has resolved or made hopeless, here and, by a hint, in other lanes. Returns how many woke. */
  async afterBatch(report: BatchReport, lanes: readonly number[]): Promise<number> {
    if (report.blocked.length > 0) this.#mayExist = true;
    return this.#mayExist || this.#mayExistElsewhere ? this.#afterSettling(report, lanes) : 0;
  }

  /**
   * An error has ended a batch after a part of it was committed. The error may have ended the session, too, so nothing
   * is woken here: if the session goes on, it reads everything that its lanes await.
   */
  noteCut(report: BatchReport): void {
    if (report.outcomes.length + report.blocked.length === 0) return;
    this.#options.onBatch(report);
    if (report.blocked.length > 0) this.#mayExist = true;
    this.takeOver();
  }

  async #afterSettling(report: BatchReport, lanes: readonly number[]): Promise<number> {
    const { met, gone } = changedBy(report);
    let woken = await this.#awaited.wake(met, gone, lanes);
    this.#lockWaits.note(report, 0);
    const blocked = report.blocked.filter((each) => !waitsForLock(each));
    if (blocked.length > 0) {
      this.#cycles.note(blocked.map(({ write }) => write.writeId));
      // A provider in another lane may have been settled after the facts were read and before this commit. If it had no
      // effect, that matters only to writes without a deadline, because others wait on. The scan often reads what many
      // writes await.
      const bound = blocked.filter(({ write }) => write.referenceDeadline === null);
      woken += await this.#awaited.look(idsOf(blocked), lanes, '', idsOf(bound));
    }
    return woken;
  }

  /** Reads hinted ids, deadlines, the next slice, and cycles. Returns how many writes woke. */
  async #look(lanes: readonly number[]): Promise<number> {
    const hinted = new Set([...this.#hinted, ...this.#awaited.takeUnwoken()]);
    this.#hinted.clear();
    let woken = await this.#awaited.look(hinted, lanes, '');
    woken += await this.#awaited.expire(lanes);
    if (this.#isTakingOver || performance.now() >= this.#nextSliceAt) woken += await this.#lookAtSlice(lanes);
    return woken + (await this.#cycles.settle(lanes));
  }

  async #lookAtSlice(lanes: readonly number[]): Promise<number> {
    const started = performance.now();
    const rows = await this.#session.run('nextAwaited', [lanes, ...this.#after, sliceMax]);
    const last = rows.at(-1);
    const isEnd = rows.length < sliceMax || last === undefined;
    this.#after = isEnd ? [nowhere, nowhere] : [last['awaited_id'] as string, last['write_id'] as string];
    if (this.#isTakingOver) this.#cycles.note(rows.map((row) => row['write_id'] as string));
    if (isEnd) this.#isTakingOver = false;
    // A write that waits for a lock awaits itself. The leader that settled a cycle may have blocked it here.
    const locked = rows.filter((row) => row['awaited_id'] === row['write_id']);
    for (const row of locked) this.#lockWaits.add(row['write_id'] as string, row['lane'] as number);
    const ids = new Set(rows.map((row) => row['awaited_id'] as string));
    for (const row of locked) ids.delete(row['awaited_id'] as string);
    const woken = await this.#awaited.look(ids, lanes, null);
    this.#nextSliceAt = performance.now() + (performance.now() - started) / lookShare;
    return woken;
  }
}

/** The ids that exist since a batch, and those without effect, with the code. */
function changedBy({ outcomes }: BatchReport): { met: string[]; gone: Map<string, string> } {
  const met: string[] = [];
  const gone = new Map<string, string>();
  for (const { write, outcome } of outcomes) {
    // Writes of a document's new lane may await one that names the document by its id, although that never was blocked.
    if (write.wasBlocked || (write.form === null && write.operation !== 'upsert')) met.push(write.writeId);
    if (write.operation === 'delete') continue;
    for (const id of identityKeysOf(write)) {
      if (isApplied(outcome.result)) met.push(id);
      else gone.set(id, outcome.code ?? '');
    }
  }
  // An identity that one write failed to provide and another did provide exists.
  for (const id of met) gone.delete(id);
  return { met, gone };
}

function idsOf(blocked: BatchReport['blocked']): Set<string> {
  return new Set(blocked.flatMap(({ awaits }) => awaits));
}
