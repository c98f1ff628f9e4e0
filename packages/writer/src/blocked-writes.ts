/**
 * The blocked writes of the lanes that a session leads, and how they wake. Only their own lane's leader wakes them, and
 * always by looking in a new snapshot: after every batch, on a hint that names what other lanes have settled, and slice
 * by slice without any hint. docs/blocked-writes.md tells why none is forgotten.
 */
import { isApplied, packProvided } from '@sluice/protocol';
import {
  headerOf,
  PausedError,
  refusal,
  settleBatch,
  settleUnapplied,
  togetherOrigin,
  type BatchReport,
  type SettleOptions,
} from '@sluice/batch';
import { readBodies, type Session } from '@sluice/store';
import { findTogether, type Together } from './find-together.ts';

export interface BlockedWritesOptions {
  settle: SettleOptions;
  onBatch: (report: BatchReport, lanes: number) => void;
  /** Lanes in which nothing is settled now. */
  paused: Set<number>;
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
const nowhere = '00000000-0000-0000-0000-000000000000';

export class BlockedWrites {
  readonly #session: Session;
  readonly #options: BlockedWritesOptions;
  /** Ids that other lanes have hinted. */
  readonly #hinted = new Set<string>();
  /** Writes that may have closed a cycle by being blocked. */
  #suspects = new Set<string>();
  #after: [string, string] = [nowhere, nowhere];
  #nextSliceAt = 0;
  /** A leader before may have died between a commit and its hint: all is looked at once, without pause. */
  #isTakingOver = false;

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
    this.#after = [nowhere, nowhere];
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
    let woken = await this.#wake(met, gone, lanes);
    if (report.blocked.length > 0) {
      for (const { write } of report.blocked) this.#suspects.add(write.writeId);
      // A provider in another lane may have been settled after the facts were read and before this was committed. That
      // it came to nothing matters to those alone who may not wait on: what is awaited by many is looked at often.
      const bound = report.blocked.filter(({ write }) => write.referenceDeadline === null);
      woken += await this.#look(idsOf(report.blocked), lanes, '', idsOf(bound));
    }
    return woken;
  }

  /** Looks at what was hinted, at deadlines, at the next slice, and for cycles. Says how many writes woke. */
  async tick(lanes: readonly number[]): Promise<number> {
    const hinted = new Set(this.#hinted);
    this.#hinted.clear();
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
    const rows = await this.#session.run('nextAwaited', [lanes, ...this.#after, sliceMax]);
    const last = rows.at(-1);
    const isEnd = rows.length < sliceMax || last === undefined;
    this.#after = isEnd ? [nowhere, nowhere] : [last['awaited_id'] as string, last['write_id'] as string];
    if (this.#isTakingOver) for (const row of rows) this.#suspects.add(row['write_id'] as string);
    if (isEnd) this.#isTakingOver = false;
    const ids = new Set(rows.map((row) => row['awaited_id'] as string));
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
    const report = await this.#settle(together);
    if (report === null) return 0;
    this.#options.onBatch(report, together.lanes.length);
    await this.afterBatch(report, lanes);
    if (report.outcomes.length > 0) return report.outcomes.length;
    return (await this.#breakCircle(together, lanes)) ? 1 : 0;
  }

  /** Null where one of the lanes is paused: all is looked at again once it goes on. */
  async #settle({ lanes, writeIds }: Together): Promise<BatchReport | null> {
    const { settle, paused } = this.#options;
    if (lanes.some((lane) => paused.has(lane))) return null;
    try {
      const origin = togetherOrigin(lanes, writeIds);
      return await settleBatch(this.#session, origin, { ...settle, withBlocked: true });
    } catch (error) {
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

function idsOf(blocked: BatchReport['blocked']): Set<string> {
  return new Set(blocked.flatMap(({ awaits }) => awaits));
}
