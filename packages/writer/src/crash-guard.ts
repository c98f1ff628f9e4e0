/**
 * Lanes whose leader ended without leaving, perhaps killed by a write. What is ready in them is tried in halves, each noted
 * on its lanes before it begins: whoever leads after the next death halves what was noted last, until the killer stands
 * alone and, after it has been tried alone three times, is set aside. Where nobody leads badly all this costs nothing:
 * nothing is noted in lanes that are not suspect. docs/leadership.md tells how many deaths that takes.
 */
import { DeposedError } from '@sluice/batch';
import type { Session } from '@sluice/store';
import type { OpenedLane } from './ownership.ts';

export interface CrashGuardOptions {
  batchWritesMax: number;
  /** Settles these writes of these lanes in a batch of their own. */
  settle: (lanes: readonly number[], writeIds: readonly string[]) => Promise<Trial>;
  /** Settles a write as a dead letter. */
  setAside: (lane: number, writeId: string, attempts: number) => Promise<void>;
}

/** What came of a trial beside what it has settled. */
export interface Trial {
  /** How many blocked writes have woken by it. */
  woken: number;
  /** Writes that are settled or blocked; the others go with the next batch. */
  gone: ReadonlySet<string>;
}

interface LaneWrite {
  lane: number;
  writeId: string;
}

const triesAloneMax = 3;

export class CrashGuard {
  readonly #session: Session;
  readonly #terms: ReadonlyMap<number, number>;
  readonly #options: CrashGuardOptions;
  /** Of these nothing is known but that their leader ended. */
  readonly #unmarked = new Set<number>();
  /** In these a trial was under way when their leader ended. */
  readonly #marked: OpenedLane[] = [];
  #trials: LaneWrite[][] = [];
  /** Suspect no more once these trials are over. */
  #cleared: number[] = [];

  constructor(session: Session, terms: ReadonlyMap<number, number>, options: CrashGuardOptions) {
    this.#session = session;
    this.#terms = terms;
    this.#options = options;
  }

  take(opened: readonly OpenedLane[]): void {
    for (const lane of opened) {
      if (!lane.isSuspect) continue;
      if (lane.tried.length > 0) this.#marked.push(lane);
      else this.#unmarked.add(lane.lane);
    }
  }

  /** Lanes that were given back are the next leader's to judge. */
  forget(): void {
    for (const lane of this.#unmarked) if (!this.#terms.has(lane)) this.#unmarked.delete(lane);
    const kept = this.#marked.filter(({ lane }) => this.#terms.has(lane));
    this.#marked.splice(0, this.#marked.length, ...kept);
    this.#cleared = this.#cleared.filter((lane) => this.#terms.has(lane));
    this.#trials = this.#trials
      .map((trial) => trial.filter(({ lane }) => this.#terms.has(lane)))
      .filter((trial) => trial.length > 0);
  }

  /** What has woken may have arrived before what is left to try, and stands before it: all is read again. */
  readAgain(): void {
    for (const { lane } of this.#trials.flat()) this.#unmarked.add(lane);
    for (const lane of this.#cleared) this.#unmarked.add(lane);
    this.#trials = [];
    this.#cleared = [];
  }

  /** Lanes whose writes are tried in order, and not drained meanwhile. */
  get lanes(): Set<number> {
    return new Set([
      ...this.#unmarked,
      ...this.#cleared,
      ...this.#marked.map(({ lane }) => lane),
      ...this.#trials.flat().map(({ lane }) => lane),
    ]);
  }

  get isBusy(): boolean {
    return (
      this.#unmarked.size > 0 ||
      this.#marked.length > 0 ||
      this.#trials.length > 0 ||
      this.#cleared.length > 0
    );
  }

  /** Tries the next part. Innocent lanes come first: all that the killer's lane has to wait for is one more death. */
  async step(): Promise<void> {
    if (this.#trials.length === 0 && this.#cleared.length === 0) await this.#divide();
    const trial = this.#trials[0];
    if (trial !== undefined) {
      await this.#try(trial);
      this.#trials.shift();
    } else if (this.#cleared.length > 0) {
      await this.#session.run('clearSuspicion', [this.#cleared, this.#termsOf(this.#cleared)]);
      this.#cleared = [];
    }
  }

  /** Finds what is to be tried next. */
  async #divide(): Promise<void> {
    if (this.#unmarked.size > 0) {
      const lanes = [...this.#unmarked];
      const { batchWritesMax } = this.#options;
      this.#trials = inHalves(await this.#readFronts(lanes, batchWritesMax), batchWritesMax);
      this.#cleared = lanes;
      this.#unmarked.clear();
    } else {
      const marked = this.#marked[0];
      if (marked !== undefined) await this.#narrow(marked);
      this.#marked.shift();
    }
  }

  /** One of those that were tried last has killed the leader, unless it ended for another reason. */
  async #narrow({ lane, tried, triedAlone }: OpenedLane): Promise<void> {
    const wasTried = new Set(tried);
    const fronts = await this.#readFronts([lane], this.#options.batchWritesMax + tried.length);
    const left = fronts.filter(({ writeId }) => wasTried.has(writeId));
    const [first] = left;
    if (left.length === 1 && first !== undefined && triedAlone >= triesAloneMax) {
      await this.#options.setAside(lane, first.writeId, triedAlone);
    } else {
      // With them whatever arrived before and has woken since: nothing may overtake it.
      const last = fronts.findLastIndex(({ writeId }) => wasTried.has(writeId));
      this.#trials = inHalves(fronts.slice(0, last + 1), left.length);
    }
    // What was ready beside them has to be tried, too, before the lane is as any other.
    this.#unmarked.add(lane);
  }

  async #readFronts(lanes: readonly number[], writesMax: number): Promise<LaneWrite[]> {
    const rows = await this.#session.run('readFronts', [lanes, writesMax]);
    return rows.map((row) => ({ lane: row['lane'] as number, writeId: row['write_id'] as string }));
  }

  async #try(trial: readonly LaneWrite[]): Promise<void> {
    const lanes = [...new Set(trial.map(({ lane }) => lane))].sort((a, b) => a - b);
    const writeIds = trial.map(({ writeId }) => writeId);
    const [marked] = await this.#session.flight([
      {
        name: 'markTrial',
        values: [lanes, this.#termsOf(lanes), trial.map(({ lane }) => lane), writeIds, trial.length === 1],
      },
    ]);
    if (marked?.rowCount !== lanes.length) throw new DeposedError(lanes);
    const { woken, gone } = await this.#options.settle(lanes, writeIds);
    if (woken > 0) return this.readAgain();
    // They stand before what is left to try: it takes them with it. Behind the last trial the drain does.
    this.#trials[1]?.unshift(...trial.filter(({ writeId }) => !gone.has(writeId)));
  }

  #termsOf(lanes: readonly number[]): (number | undefined)[] {
    return lanes.map((lane) => this.#terms.get(lane));
  }
}

/** In parts of half a batch at most: of half of all, where they are fewer. */
function inHalves(writes: readonly LaneWrite[], writesMax: number): LaneWrite[][] {
  const size = Math.max(1, Math.ceil(Math.min(writes.length, writesMax) / 2));
  const parts: LaneWrite[][] = [];
  for (let start = 0; start < writes.length; start += size) parts.push(writes.slice(start, start + size));
  return parts;
}
