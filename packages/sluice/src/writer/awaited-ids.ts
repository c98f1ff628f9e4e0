/**
 * Wakes the writes that await an id: of an identity, or of a write ahead. Always by a look in a new snapshot, in slices that
 * one statement can change.
 */
import { packProvided } from '#protocol';
import { DatabaseError, type Session } from '#store';

/** Rows that one statement of a wake changes: a single id may be awaited by hundreds of thousands. */
const wakeMax = 10_000;
/** Ids whose writes could not be woken because a row was locked are looked at again after pauses that double. */
const again = { minMs: 250, maxMs: 4000 };

export class AwaitedIds {
  readonly #session: Session;
  readonly #onWoken: (position: number) => void;
  /** Ids that have changed and could not wake the writes that await them. */
  readonly #unwoken = new Set<string>();
  #wakeAgain = { at: 0, tries: 0 };

  /** @param onWoken A write of this position, and perhaps others behind it, is ready again. */
  constructor(session: Session, onWoken: (position: number) => void) {
    this.#session = session;
    this.#onWoken = onWoken;
  }

  /** Ids that are to be looked at again now. */
  takeUnwoken(): string[] {
    if (this.#unwoken.size === 0 || performance.now() < this.#wakeAgain.at) return [];
    const ids = [...this.#unwoken];
    this.#unwoken.clear();
    return ids;
  }

  /** Wakes the writes that may wait no longer for their references. Gives how many. */
  async expire(lanes: readonly number[]): Promise<number> {
    const expired = await this.#session.run('expireReferenceDeadlines', [lanes]);
    for (const row of expired) this.#onWoken(row['position'] as number);
    return expired.length;
  }

  /**
   * Wakes the writes that await one of these ids, as far as the id has changed by now. Gives how many.
   * @param failure Of what is gone: empty if it was in the intake, null if that is unknown.
   * @param bound The ids of which it matters that they are gone.
   */
  async look(
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
    return this.wake(met, gone, lanes, { tellsOthers: false });
  }

  /**
   * Wakes the writes that await one of these ids, which exist or came to nothing. Gives how many.
   * @param gone The code of what came to nothing, by its id.
   */
  async wake(
    met: readonly string[],
    gone: ReadonlyMap<string, string | null>,
    lanes: readonly number[],
    { tellsOthers = true } = {},
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
      if (wokenFrom !== null) this.#onWoken(wokenFrom);
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
}
