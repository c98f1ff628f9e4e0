/** Writes that are in the intake: ready ones of lanes that a session leads, and blocked ones of any lane. The fence comes first. */
import type { Row } from '#store';
import { headerOf, type Origin } from './origin.ts';

/** The session no longer leads its lanes, because another session has started a newer term. */
export class DeposedError extends Error {
  readonly lanes: number[];

  constructor(lanes: number[]) {
    super(`Cannot commit: another writer now leads the lanes: ${lanes.join(', ')}`);
    this.name = 'DeposedError';
    this.lanes = lanes;
  }
}

/** Another transaction has locked the rows of lanes that the batch needs. */
export class LockedLanesError extends Error {
  readonly lanes: number[];

  constructor(lanes: number[]) {
    super(
      `Cannot commit writes: another transaction has locked the rows of their lanes: ${lanes.join(', ')}`,
    );
    this.name = 'LockedLanesError';
    this.lanes = lanes;
  }
}

/** An operator has paused lanes that the batch needs. */
export class PausedError extends Error {
  readonly lanes: number[];

  constructor(lanes: number[]) {
    super(`Cannot commit writes: their lanes are paused: ${lanes.join(', ')}`);
    this.name = 'PausedError';
    this.lanes = lanes;
  }
}

/** A write of a cycle was woken or settled after the cycle was found. */
export class ChangedCycleError extends Error {
  constructor() {
    super('Cannot commit a cycle of writes: one of them is no longer blocked');
    this.name = 'ChangedCycleError';
  }
}

/** Where a drain starts to read. */
export interface Front {
  /** Low-water mark of a lane: all ready writes up to this position are settled. */
  behind: (lane: number) => number;
  /** About a batch of ready writes is expected up to this position. 0: not known. */
  near: number;
  /** Receives the transactions that wrote to the intake just before the read. Null: not needed. */
  onWriting: ((transactions: readonly string[]) => void) | null;
}

const fromTheFirst: Front = { behind: () => 0, near: 0, onWriting: null };

export interface IntakeOriginOptions {
  /**
   * Lanes whose writes are left alone. The fence updates this set: it skips newly paused lanes, and resumed lanes
   * come with the next batch. @default none
   */
  paused?: Set<number>;
  /** Where a drain starts to read. @default at the first write of each lane */
  front?: Front;
  /** Receives the lanes that were skipped because another transaction has locked their rows. @default not reported */
  onLocked?: (lanes: readonly number[]) => void;
  /** Reads existing identities together with the writes, which is useless if blocked writes come first. @default true */
  readsKnown?: boolean;
}

/**
 * The ready writes of the lanes that a session leads. The answer of the fence comes before any read. The fence waits
 * for no lock: it skips a lane whose row is locked, for as long as this origin is used.
 */
export function intakeOrigin(
  terms: ReadonlyMap<number, number>,
  writesMax: number,
  {
    paused = new Set(),
    front = fromTheFirst,
    onLocked = () => undefined,
    readsKnown = true,
  }: IntakeOriginOptions = {},
): Origin {
  const { behind, near, onWriting } = front;
  const lanes = [...terms.keys()];
  const drained = paused.size === 0 ? lanes : lanes.filter((lane) => !paused.has(lane));
  /** The batch settles nothing more of these lanes, in whatever parts, because it might overtake the skipped writes. */
  const left = new Set<number>();
  const leaveOut = (more: readonly number[]): void => {
    for (const lane of more) left.add(lane);
    if (more.length > 0) onLocked(more);
  };
  return {
    terms,
    bodies: null,
    areBlocked: false,
    isForeign: false,
    leaveOut: (more) => leaveOut([...more]),
    async open(session, only, limits) {
      // Before the read: the read then sees the writes of transactions that end in between.
      const look = only === null && onWriting !== null ? [{ name: 'readWriting' }] : [];
      const answers = await session.flight([
        { name: 'begin' },
        ...limits,
        ...look,
        { name: 'lockFreeTerms', values: [lanes] },
        only === null
          ? { name: 'readReady', values: [drained, writesMax, drained.map(behind), near, readsKnown] }
          : { name: 'readWrites', values: [only, false] },
      ]);
      const [fence, read] = answers.slice(-2);
      if (look.length > 0) onWriting?.(answers[1 + limits.length]?.rows[0]?.['transactions'] as string[]);
      const free = checkFence(terms, fence?.rows ?? []);
      leaveOut(lanes.filter((lane) => !free.has(lane) && !left.has(lane)));
      for (const lane of free) paused.delete(lane);
      for (const lane of pausedAmong(fence?.rows ?? [])) paused.add(lane);
      for (const lane of paused) left.add(lane);
      const writes = (read?.rows ?? []).map(headerOf);
      return {
        writes: left.size === 0 ? writes : writes.filter(({ lane }) => !left.has(lane)),
        prefix: [],
        known: readsKnown && only === null ? knownOf(read?.rows[0]) : null,
      };
    },
  };
}

/** The first row has them for all. */
function knownOf(first: Row | undefined): Map<string, string> {
  const known = new Map<string, string>();
  const pairs = (first?.['known'] ?? []) as string[];
  for (let at = 0; at < pairs.length; at += 2) known.set(pairs[at]!, pairs[at + 1]!);
  return known;
}

/**
 * Retries writes of led lanes that are blocked by a locked row. Opening it throws {@link LockedLanesError} or {@link
 * PausedError} if one of the lanes cannot go on.
 */
export function lockedOrigin(terms: ReadonlyMap<number, number>, writeIds: readonly string[]): Origin {
  return blockedOrigin([...terms.keys()], writeIds, {
    terms,
    areBlocked: true,
    isForeign: false,
    checkTerms: (fence) => checkFence(terms, fence),
  });
}

/**
 * Blocked writes of any lanes that can only be settled together: a cycle. The leader that finds the cycle locks the
 * term rows of all its lanes and reads the writes again. So no other leader has one of them in a batch. Opening it
 * throws {@link LockedLanesError} or {@link PausedError} if one of the lanes cannot go on, and
 * {@link ChangedCycleError} if one of the writes is no longer blocked.
 */
export function togetherOrigin(lanes: readonly number[], writeIds: readonly string[]): Origin {
  const terms = new Map<number, number>();
  return blockedOrigin(lanes, writeIds, {
    terms,
    areBlocked: false,
    isForeign: true,
    checkTerms(fence) {
      for (const row of fence) terms.set(row['lane'] as number, row['term'] as number);
    },
  });
}

function blockedOrigin(
  lanes: readonly number[],
  writeIds: readonly string[],
  {
    checkTerms,
    ...origin
  }: Pick<Origin, 'terms' | 'areBlocked' | 'isForeign'> & { checkTerms: (fence: readonly Row[]) => unknown },
): Origin {
  const left = new Set<number>();
  return {
    ...origin,
    bodies: null,
    leaveOut: (more) => {
      for (const lane of more) left.add(lane);
    },
    async open(session, only, limits) {
      const answers = await session.flight([
        { name: 'begin' },
        ...limits,
        { name: 'lockFreeTerms', values: [lanes] },
        { name: 'readWrites', values: [only ?? writeIds, true] },
      ]);
      const [fence, read] = answers.slice(-2);
      const rows = fence?.rows ?? [];
      checkTerms(rows);
      const free = new Set(rows.map((row) => row['lane'] as number));
      const locked = lanes.filter((lane) => !free.has(lane));
      if (locked.length > 0) throw new LockedLanesError(locked);
      const paused = pausedAmong(rows);
      if (paused.length > 0) throw new PausedError(paused);
      const blocked = (read?.rows ?? []).filter((row) => row['is_blocked'] === true);
      if (origin.isForeign && blocked.length < (only ?? writeIds).length) throw new ChangedCycleError();
      const writes = blocked.map(headerOf);
      return { writes: writes.filter(({ lane }) => !left.has(lane)), prefix: [], known: null };
    },
  };
}

/** The lanes that this transaction has locked. @throws {DeposedError} if another session leads one of them now */
function checkFence(terms: ReadonlyMap<number, number>, fence: readonly Row[]): Set<number> {
  const found = new Map(fence.map((row) => [row['lane'] as number, row['term'] as number]));
  const lost = [...found].filter(([lane, term]) => term !== terms.get(lane)).map(([lane]) => lane);
  if (lost.length > 0) throw new DeposedError(lost);
  return new Set(found.keys());
}

function pausedAmong(fence: readonly Row[]): number[] {
  return fence.filter((row) => row['is_paused'] === true).map((row) => row['lane'] as number);
}
