/**
 * Wakes the writes that await an id: of an identity, or of an earlier write. It always reads in a new snapshot, in
 * slices that one statement can change.
 */
import { packProvided } from '#protocol';
import { DatabaseError, type Session } from '#store';

/** Most rows that one statement of a wake changes, because hundreds of thousands may await a single id. */
const wakeMax = 10_000;
/** Pauses before the next try for ids whose writes could not be woken because a row was locked; they double. */
const again = { minMs: 250, maxMs: 4000 };

export class AwaitedIds {
  readonly #session: Session;
  readonly #onWoken: (position: number) => void;
  /** Changed ids whose waiting writes could not be woken. */
  readonly #unwoken = new Set<string>();
  #wakeAgain = { at: 0, tries: 0 };

  /** @param onWoken A write of this position, and perhaps later ones, is ready again. */
  constructor(session: Session, onWoken: (position: number) => void) {
    this.#session = session;
    this.#onWoken = onWoken;
  }

  /** Ids that should be tried again now. */
  takeUnwoken(): string[] {
    if (this.#unwoken.size === 0 || performance.now() < this.#wakeAgain.at) return [];
    const ids = [...this.#unwoken];
    this.#unwoken.clear();
    return ids;
  }

  /** Wakes the writes whose wait for references has ended. Returns how many. */
  async expire(lanes: readonly number[]): Promise<number> {
    const expired = await this.#session.run('expireReferenceDeadlines', [lanes]);
    for (const row of expired) this.#onWoken(row['position'] as number);
    return expired.length;
  }

  /**
   * Wakes the writes that await one of these ids, if the id has changed by now. Returns how many.
   * @param failure Code for missing things: empty if it was in the intake, null if unknown.
   * @param bound The ids whose absence matters.
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
   * Wakes the writes that await one of these ids, which exist or had no effect. Returns how many.
   * @param gone The code for each id without effect.
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
      // Another transaction has locked one of the rows. Nothing is lost, because the change stays.
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
