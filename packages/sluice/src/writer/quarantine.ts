/**
 * Lanes whose leader ended without leaving them: one of their writes may have killed it. Before such a lane is
 * drained like the others, its writes are tried in smaller and smaller parts: all lanes in quarantine together, then
 * one lane, then one write. Each part is recorded in its lanes before it is tried, so the next leader knows which
 * part killed the last one. A write that has ended three leaders while it was tried alone becomes a dead letter.
 * docs/leadership.md gives the limit of deaths.
 */
import type { Session } from '#store';
import type { OpenedLane } from './ownership.ts';

/** The result of a part that was tried. */
export interface Tried {
  /** Writes that were settled or blocked. */
  settled: number;
  /** Writes that were read and deferred. */
  deferred: number;
  /** Lanes that were left out, because an operator has paused them, or another transaction has locked their rows. */
  leftOut: ReadonlySet<number>;
}

interface QuarantineOptions {
  /** The term of each led lane. */
  terms: ReadonlyMap<number, number>;
  /** Most writes of a lane in a batch: if a write killed the leader, it is one of these. */
  writesMax: number;
  /** The lane cannot go on now, because an operator has paused it, or another transaction has locked its row. */
  isResting: (lane: number) => boolean;
  /** Another transaction has locked the rows of these lanes. */
  onLocked: (lanes: readonly number[]) => void;
  /** Settles one batch of these lanes: the named write, or the ready writes. */
  settle: (lanes: readonly number[], only: readonly string[] | null) => Promise<Tried>;
  /** Makes a write a dead letter, without another try. */
  makeDeadLetter: (lane: number, writeId: string, deaths: number) => Promise<void>;
}

/** Number of deaths after which the writes of a lane are tried one by one: one with other lanes, one by itself. */
const lanewise = 2;
const deathsAloneMax = 3;

interface QuarantinedLane {
  lane: number;
  /** Tries that earlier leaders did not survive. */
  deaths: number;
  /** The write that the last of them tried alone. */
  tried: string | null;
  /** The part that this leader has recorded to try. */
  noted: 'lane' | { writeId: string } | null;
  /** This many of its writes may still be the one that killed the leader. */
  left: number;
}

export class Quarantine {
  readonly #session: Session;
  readonly #options: QuarantineOptions;
  readonly #lanes = new Map<number, QuarantinedLane>();

  constructor(session: Session, options: QuarantineOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Lanes were taken over. */
  take(opened: readonly OpenedLane[]): void {
    const left = this.#options.writesMax;
    for (const { lane, isQuarantined, tries, tried } of opened)
      if (isQuarantined) this.#lanes.set(lane, { lane, deaths: tries, tried, noted: null, left });
  }

  keepOnly(led: ReadonlyMap<number, unknown>): void {
    for (const lane of this.#lanes.keys()) if (!led.has(lane)) this.#lanes.delete(lane);
  }

  has(lane: number): boolean {
    return this.#lanes.has(lane);
  }

  /** Whether a lane can be tried now. */
  get isDue(): boolean {
    return this.#due.length > 0;
  }

  get #due(): QuarantinedLane[] {
    return [...this.#lanes.values()].filter(({ lane }) => !this.#options.isResting(lane));
  }

  /** Tries the next part. Lanes with the fewest deaths come first, because they are most likely harmless. */
  async tryNext(): Promise<void> {
    const due = this.#due.sort((one, other) => one.deaths - other.deaths);
    const [first] = due;
    if (first === undefined) return;
    if (first.deaths >= lanewise) return this.#tryWrite(first);
    await this.#tryLanes(first.deaths === 0 ? due.filter(({ deaths }) => deaths === 0) : [first]);
  }

  async #tryLanes(quarantined: readonly QuarantinedLane[]): Promise<void> {
    const [{ deaths } = { deaths: 0 }] = quarantined;
    const known = quarantined.filter(({ noted }) => noted !== null);
    const unknown = quarantined.filter(({ noted }) => noted === null);
    const tried = [...known, ...(await this.#note(unknown, deaths + 1, null))];
    for (const each of tried) each.noted = 'lane';
    if (tried.length === 0) return;
    const { settled, deferred, leftOut } = await this.#settle(tried, null);
    const survived = tried.filter(({ lane }) => !leftOut.has(lane));
    for (const each of survived) each.left -= settled;
    // A deferred write was read but not applied yet, so it may still be the killer.
    await this.#end(survived.filter(({ left }) => deferred === 0 || left <= 0));
  }

  async #tryWrite(quarantined: QuarantinedLane): Promise<void> {
    const { lane, noted } = quarantined;
    const [row] = quarantined.left > 0 ? await this.#session.run('readFirst', [lane]) : [];
    if (row === undefined) return this.#end([quarantined]);
    const writeId = row['write_id'] as string;
    if (noted === null || noted === 'lane' || noted.writeId !== writeId) {
      const deaths = quarantined.tried === writeId ? quarantined.deaths : lanewise;
      if (deaths - lanewise >= deathsAloneMax)
        return this.#options.makeDeadLetter(lane, writeId, deaths - lanewise);
      if ((await this.#note([quarantined], deaths + 1, writeId)).length === 0) return;
      quarantined.noted = { writeId };
    }
    const { settled, deferred } = await this.#settle([quarantined], [writeId]);
    quarantined.left -= settled + deferred;
  }

  #settle(quarantined: readonly QuarantinedLane[], only: readonly string[] | null): Promise<Tried> {
    return this.#options.settle(
      quarantined.map(({ lane }) => lane),
      only,
    );
  }

  /** Returns those that it could record. */
  async #note(
    quarantined: readonly QuarantinedLane[],
    tries: number,
    tried: string | null,
  ): Promise<QuarantinedLane[]> {
    return quarantined.length === 0 ? [] : this.#write('noteTry', quarantined, [tries, tried]);
  }

  /** These lanes are drained like all others from now on. */
  async #end(quarantined: readonly QuarantinedLane[]): Promise<void> {
    if (quarantined.length === 0) return;
    for (const { lane } of await this.#write('endQuarantine', quarantined, [])) this.#lanes.delete(lane);
  }

  async #write(
    name: string,
    quarantined: readonly QuarantinedLane[],
    values: readonly unknown[],
  ): Promise<QuarantinedLane[]> {
    const lanes = quarantined.map(({ lane }) => lane);
    const terms = lanes.map((lane) => this.#options.terms.get(lane));
    const rows = await this.#session.run(name, [lanes, terms, ...values]);
    const written = new Set(rows.map((row) => row['lane'] as number));
    const locked = lanes.filter((lane) => !written.has(lane));
    if (locked.length > 0) this.#options.onLocked(locked);
    return quarantined.filter(({ lane }) => written.has(lane));
  }
}
