/**
 * The blocked writes of the lanes that a session leads, and how they wake. Only their own lane's leader wakes them, and
 * always by looking in a new snapshot: after every batch, on a hint that names what other lanes have settled, and slice
 * by slice without any hint. docs/blocked-writes.md tells why none is forgotten.
 */
import { isApplied, packProvided } from '@sluice/protocol';
import {
  headerOf,
  LockedLanesError,
  lockedOrigin,
  PausedError,
  refusal,
  settleBatch,
  settleUnapplied,
  togetherOrigin,
  waitsForLock,
  type BatchReport,
  type Origin,
  type SettleOptions,
} from '@sluice/batch';
import { DatabaseError, readBodies, type Session } from '@sluice/store';
import { findTogether, type Together } from './find-together.ts';
import { LockWaits } from './lock-waits.ts';

export interface BlockedWritesOptions {
  settle: SettleOptions;
  onBatch: (report: BatchReport, lanes: number) => void;
  /** Lanes in which nothing is settled now. */
  paused: Set<number>;
  /** Writes of other lanes are blocked. */
  hasBlockedElsewhere: () => boolean;
  /** Something of this position and perhaps more behind it is ready again. */
  onWoken: (position: number) => void;
}

/** Ids that were hinted and not looked at yet. */
const hintedMax = 20_000;
/** Awaited ids in one slice of the look that needs no hint. */
const sliceMax = 2000;
/** That look takes at most this share of the time, except after a take-over. */
const lookShare = 0.02;
/** Rows that one statement of a wake changes: a single id may be awaited by hundreds of thousands. */
const wakeMax = 10_000;
/** Ids whose writes could not be woken, as a row was locked, are looked at again after pauses that double. */
const again = { minMs: 250, maxMs: 4000 };
const nowhere = '00000000-0000-0000-0000-000000000000';

export class BlockedWrites {
  readonly #session: Session;
  readonly #options: BlockedWritesOptions;
  /** Ids that other lanes have hinted. */
  readonly #hinted = new Set<string>();
  /** Writes that may have closed a cycle by being blocked. */
  #suspects = new Set<string>();
  readonly #lockWaits = new LockWaits();
  /** Ids that have changed and could not wake whoever awaits them. */
  readonly #unwoken = new Set<string>();
  #wakeAgain = { at: 0, tries: 0 };
  #after: [string, string] = [nowhere, nowhere];
  #nextSliceAt = 0;
  /** A leader before may have died between a commit and its hint: all is looked at once, without pause. */
  #isTakingOver = false;
  /**
   * Some write of these lanes may await an identity, and not only a lock or a write ahead: false once a look through all of
   * them has found none. Until then each batch asks who awaits what it has settled.
   */
  #mayAwaitIdentities = true;
  #hasSeenIdentity = false;

  constructor(session: Session, options: BlockedWritesOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Remembers where to look. Ids that nobody awaits cost nothing. */
  hint(ids: readonly string[]): void {
    // More than that is a flood: the look that needs no hint finds what is passed over.
    if (this.#hinted.size < hintedMax) for (const id of ids) this.#hinted.add(id);
  }

  get hasHints(): boolean {
    return this.#hinted.size > 0;
  }

  takeOver(): void {
    this.#isTakingOver = true;
    this.#mayAwaitIdentities = true;
    this.#hasSeenIdentity = true;
    this.#after = [nowhere, nowhere];
  }

  /** Until a write that waits for a lock is to be tried again in these lanes. */
  nextTrialIn(lanes: ReadonlySet<number>): number {
    return this.#lockWaits.nextIn(lanes);
  }

  /** Tries writes again that wait for a lock, if it is time. Says how many writes may go on by it. */
  async tryLocked(terms: ReadonlyMap<number, number>): Promise<number> {
    const { paused } = this.#options;
    const trial = this.#lockWaits.due(new Set([...terms.keys()].filter((lane) => !paused.has(lane))));
    if (trial === null) return 0;
    const led = new Map(trial.lanes.map((lane) => [lane, terms.get(lane) ?? 0]));
    const began = performance.now();
    const report = await this.#settle(lockedOrigin(led, trial.writeIds), trial.lockWaitMs);
    if (report === null) {
      this.#lockWaits.postpone(trial);
      return 0;
    }
    const { outcomes, blocked, held } = report;
    const found = new Set([...outcomes, ...blocked].map(({ write }) => write.writeId));
    for (const { writeId } of held) found.add(writeId);
    this.#lockWaits.forget(trial.writeIds.filter((writeId) => !found.has(writeId)));
    this.#lockWaits.note(report, performance.now() - began);
    if (outcomes.length > 0) this.#options.onBatch(report, led.size);
    const others = { ...report, blocked: blocked.filter((each) => !waitsForLock(each)) };
    return outcomes.length + (await this.afterBatch(others, [...terms.keys()]));
  }

  /** Wakes what a batch has met or made hopeless, here and, by a hint, in other lanes. */
  async afterBatch(report: BatchReport, lanes: readonly number[]): Promise<number> {
    const met: string[] = [];
    const gone = new Map<string, string>();
    for (const { write, outcome } of report.outcomes) {
      if (write.wasBlocked) met.push(write.writeId);
      if (write.operation === 'delete') continue;
      for (const id of [write.referentialId, write.superclassId]) {
        if (id === null) continue;
        if (isApplied(outcome.result)) met.push(id);
        else gone.set(id, outcome.code ?? '');
      }
    }
    // An identity that one write was refused and another given exists.
    for (const id of met) gone.delete(id);
    const asksAll = this.#mayAwaitIdentities || this.#options.hasBlockedElsewhere();
    let woken = await (asksAll
      ? this.#wake(met, gone, lanes)
      : this.#wake(met.filter(isWriteId), new Map<string, string>(), lanes));
    this.#lockWaits.note(report, 0);
    const blocked = report.blocked.filter((each) => !waitsForLock(each));
    if (blocked.length > 0) {
      if (blocked.some(({ awaits }) => !awaits.every(isWriteId)))
        this.#mayAwaitIdentities = this.#hasSeenIdentity = true;
      for (const { write } of blocked) this.#suspects.add(write.writeId);
      // A provider in another lane may have been settled after the facts were read and before this was committed. That
      // it came to nothing matters to those alone who may not wait on: what is awaited by many is looked at often.
      const bound = blocked.filter(({ write }) => write.referenceDeadline === null);
      woken += await this.#look(idsOf(blocked), lanes, '', idsOf(bound));
    }
    return woken;
  }

  /** Looks at what was hinted, at deadlines, at the next slice, and for cycles. Says how many writes woke. */
  async tick(lanes: readonly number[]): Promise<number> {
    const hinted = new Set(this.#hinted);
    this.#hinted.clear();
    if (this.#unwoken.size > 0 && performance.now() >= this.#wakeAgain.at) {
      for (const id of this.#unwoken) hinted.add(id);
      this.#unwoken.clear();
    }
    let woken = await this.#look(hinted, lanes, '');
    const expired = await this.#session.run('expireReferenceDeadlines', [lanes]);
    for (const row of expired) this.#options.onWoken(row['position'] as number);
    woken += expired.length;
    if (this.#isTakingOver || performance.now() >= this.#nextSliceAt) woken += await this.#lookAtSlice(lanes);
    woken += await this.#settleTogether(lanes);
    return woken;
  }

  async #lookAtSlice(lanes: readonly number[]): Promise<number> {
    const started = performance.now();
    if (this.#after[0] === nowhere) this.#hasSeenIdentity = false;
    const rows = await this.#session.run('nextAwaited', [lanes, ...this.#after, sliceMax]);
    const last = rows.at(-1);
    const isEnd = rows.length < sliceMax || last === undefined;
    this.#after = isEnd ? [nowhere, nowhere] : [last['awaited_id'] as string, last['write_id'] as string];
    this.#hasSeenIdentity ||= rows.some((row) => !isWriteId(row['awaited_id'] as string));
    if (isEnd) this.#mayAwaitIdentities = this.#hasSeenIdentity;
    if (this.#isTakingOver) for (const row of rows) this.#suspects.add(row['write_id'] as string);
    if (isEnd) this.#isTakingOver = false;
    // One that waits for a lock awaits itself; whoever settled a cycle may have blocked it here.
    const locked = rows.filter((row) => row['awaited_id'] === row['write_id']);
    for (const row of locked) this.#lockWaits.add(row['write_id'] as string, row['lane'] as number);
    const ids = new Set(rows.map((row) => row['awaited_id'] as string));
    for (const row of locked) ids.delete(row['awaited_id'] as string);
    const woken = await this.#look(ids, lanes, null);
    this.#nextSliceAt = performance.now() + (performance.now() - started) / lookShare;
    return woken;
  }

  /**
   * Wakes who awaits one of these ids, as far as it has changed by now.
   * @param failure Of what is gone: empty where it was on its way, null where nobody knows whether it ever was.
   * @param bound The ids of which it matters that they are gone.
   */
  async #look(
    ids: ReadonlySet<string>,
    lanes: readonly number[],
    failure: '' | null,
    bound: ReadonlySet<string> = ids,
  ): Promise<number> {
    if (ids.size === 0) return 0;
    const met: string[] = [];
    const gone = new Map<string, string | null>();
    for (const row of await this.#session.run('lookAwaited', [[...ids]])) {
      const id = row['awaited_id'] as string;
      if (row['is_met'] === true || (row['is_gone'] === true && row['is_settled_write'] === true))
        met.push(id);
      else if (row['is_gone'] === true && bound.has(id)) gone.set(id, failure);
    }
    return this.#wake(met, gone, lanes, false);
  }

  async #wake(
    met: readonly string[],
    gone: ReadonlyMap<string, string | null>,
    lanes: readonly number[],
    tellsOthers = true,
  ): Promise<number> {
    if (met.length === 0 && gone.size === 0) return 0;
    try {
      const woken = await this.#wakeNow(met, gone, lanes, tellsOthers);
      if (this.#unwoken.size === 0) this.#wakeAgain.tries = 0;
      return woken;
    } catch (error) {
      // Another transaction has locked one of the rows. Nothing is lost: what has changed stays so.
      if (!(error instanceof DatabaseError) || !error.isTransient) throw error;
      for (const id of [...met, ...gone.keys()]) this.#unwoken.add(id);
      const pause = Math.min(again.minMs * 2 ** this.#wakeAgain.tries++, again.maxMs);
      this.#wakeAgain.at = performance.now() + pause;
      return 0;
    }
  }

  async #wakeNow(
    met: readonly string[],
    gone: ReadonlyMap<string, string | null>,
    lanes: readonly number[],
    tellsOthers: boolean,
  ): Promise<number> {
    const lost = [...gone.keys()];
    if (lost.length > 0) {
      const values = [lost, [...gone.values()], lanes, wakeMax];
      while ((await this.#session.run('noteFailures', values)).length === wakeMax);
    }
    let woken = 0;
    for (let hasMore = true, isFirst = true; hasMore; isFirst = false) {
      const [row] = await this.#session.run('wakeAwaiting', [met, lost, lanes, wakeMax]);
      woken += row?.['woken'] as number;
      hasMore = row?.['has_more'] === true;
      const wokenFrom = row?.['woken_from'] as number | null;
      if (wokenFrom !== null) this.#options.onWoken(wokenFrom);
      const elsewhere = row?.['elsewhere'] as string[];
      const lanesOfThem = row?.['elsewhere_lanes'] as number[];
      if (isFirst && tellsOthers && elsewhere.length > 0) {
        await this.#session.flight([
          { name: 'hintProvided', values: [packProvided(elsewhere, lanesOfThem)], isOptional: true },
        ]);
      }
    }
    return woken;
  }

  /** Settles writes in one batch that await only each other, in whosever lanes they are. */
  async #settleTogether(lanes: readonly number[]): Promise<number> {
    if (this.#suspects.size === 0) return 0;
    const suspects = [...this.#suspects];
    this.#suspects = new Set();
    const together = await findTogether(this.#session, suspects);
    if (together.writeIds.length === 0) return 0;
    if (together.lanes.some((lane) => this.#options.paused.has(lane))) return 0;
    const report = await this.#settle(togetherOrigin(together.lanes, together.writeIds));
    if (report === null) {
      for (const id of suspects) this.#suspects.add(id);
      return 0;
    }
    this.#options.onBatch(report, together.lanes.length);
    await this.afterBatch(report, lanes);
    if (report.outcomes.length > 0) return report.outcomes.length;
    // What waits for a lock may make it whole yet.
    if (report.blocked.some(waitsForLock)) return 0;
    return (await this.#breakCircle(together, lanes)) ? 1 : 0;
  }

  /** Null where one of the lanes is paused or locked: all is looked at again once it goes on. */
  async #settle(origin: Origin, lockWaitMs?: number): Promise<BatchReport | null> {
    const { paused } = this.#options;
    const wait = lockWaitMs === undefined ? {} : { lockWaitMs };
    const settle = { ...this.#options.settle, ...wait, withBlocked: true };
    try {
      return await settleBatch(this.#session, origin, settle);
    } catch (error) {
      if (error instanceof LockedLanesError) return null;
      if (!(error instanceof PausedError)) throw error;
      for (const lane of error.lanes) paused.add(lane);
      return null;
    }
  }

  /**
   * A circle with a write that stands behind another has no order in which all could be applied. Of the writes in front that
   * refer to what is not there, the one that came first gives way: it is refused for that.
   */
  async #breakCircle({ inFront }: Together, lanes: readonly number[]): Promise<boolean> {
    const unmet = new Map<string, Set<string>>(inFront.map((id) => [id, new Set()]));
    for (const edge of await this.#session.run('readEdges', [inFront])) {
      // What has come meanwhile is not missing.
      if (edge['is_met'] !== true) unmet.get(edge['write_id'] as string)?.add(edge['awaited_id'] as string);
    }
    const rows = await this.#session.run('readWrites', [inFront, true]);
    const first = rows
      .map(headerOf)
      // A write that is stood behind is none of its references.
      .map((write) => ({
        write,
        missing: write.referenceIds.filter((id) => unmet.get(write.writeId)?.has(id)),
      }))
      .find(({ missing }) => missing.length > 0);
    if (first === undefined) return false;
    const { write, missing } = first;
    const { writeId, resource } = write;
    const bodies = readBodies((name, values) => this.#session.run(name, values), [writeId]);
    const { value } = await bodies.next();
    const [, body] = (value ?? [writeId, '{}']) as [string, string];
    const detail = this.#options.settle.describeMissing(resource, body, missing);
    const refused = { ...refusal(write, 'unresolved_reference'), detail };
    const [outcome = refused] = await settleUnapplied(this.#session, [{ write, outcome: refused }]);
    const gone = [write.referentialId, write.superclassId].flatMap((id) => (id === null ? [] : [id]));
    // It may have been settled otherwise in the meantime.
    const exists = isApplied(outcome.result);
    const failures = new Map(exists ? [] : gone.map((id) => [id, outcome.code ?? '']));
    await this.#wake(exists ? [writeId, ...gone] : [writeId], failures, lanes);
    return true;
  }
}

/** Ids of writes are UUIDv7, identities are UUIDv5. */
function isWriteId(id: string): boolean {
  return id[14] === '7';
}

function idsOf(blocked: BatchReport['blocked']): Set<string> {
  return new Set(blocked.flatMap(({ awaits }) => awaits));
}
