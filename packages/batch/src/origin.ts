/**
 * Where the writes of a batch come from. The engine knows this much and no more: how its transaction begins, which
 * writes it finds there, and where their bodies are.
 */
import type { Write, WriteHeader } from '@sluice/protocol';
import type { Row, Session, Statement } from '@sluice/store';

export interface Opened {
  writes: readonly WriteHeader[];
  /** Statements that are still to be sent, ahead of all others: where no answer of theirs is needed. */
  prefix: readonly Statement[];
}

export interface Origin {
  /** Begins a transaction and finds the writes; `only` names those of a batch that is tried again in parts. */
  open(session: Session, only: readonly string[] | null): Promise<Opened>;
  /** Terms of the lanes that are led; empty where none is. */
  readonly terms: ReadonlyMap<number, number>;
  /** The writes with their bodies; null: bodies are in the intake. */
  readonly bodies: ReadonlyMap<string, Write> | null;
}

/** The session no longer leads what it believes to lead: another has opened a newer term. */
export class DeposedError extends Error {
  readonly lanes: number[];

  constructor(lanes: number[]) {
    super(`Cannot commit as another writer leads the lanes now: ${lanes.join(', ')}`);
    this.name = 'DeposedError';
    this.lanes = lanes;
  }
}

/** An operator has paused lanes whose writes would have been settled. */
export class PausedError extends Error {
  readonly lanes: number[];

  constructor(lanes: number[]) {
    super(`Cannot settle writes as their lanes are paused: ${lanes.join(', ')}`);
    this.name = 'PausedError';
    this.lanes = lanes;
  }
}

/** Where a drain begins to look. */
export interface Front {
  /** The position of a lane behind which to look: everything ready up to it has been settled. */
  behind: (lane: number) => number;
  /** Up to this position about a batch of ready writes is expected. 0: nothing is known. */
  near: number;
  /** Told, of a moment before the look, which transactions were writing to the intake. Null: no need to ask. */
  onWriting: ((transactions: readonly string[]) => void) | null;
}

const fromTheFirst: Front = { behind: () => 0, near: 0, onWriting: null };

/**
 * The ready writes of the lanes that a session leads: the fence comes first, and its answer before any read.
 * @param paused Lanes whose writes are left alone. The fence tells which they are now, so it is corrected by it: lanes
 *   that were not known to be paused are passed over, those that no longer are come with the next batch.
 */
export function intakeOrigin(
  terms: ReadonlyMap<number, number>,
  writesMax: number,
  paused: Set<number> = new Set(),
  { behind, near, onWriting }: Front = fromTheFirst,
): Origin {
  const lanes = [...terms.keys()];
  const drained = paused.size === 0 ? lanes : lanes.filter((lane) => !paused.has(lane));
  return {
    terms,
    bodies: null,
    async open(session, only) {
      // Before the read: what ends in between is seen by that.
      const look = only === null && onWriting !== null ? [{ name: 'readWriting' }] : [];
      const answers = await session.flight([
        { name: 'begin' },
        ...look,
        { name: 'lockTerms', values: [lanes] },
        only === null
          ? { name: 'readReady', values: [drained, writesMax, drained.map(behind), near] }
          : { name: 'readWrites', values: [only, false] },
      ]);
      const [fence, read] = answers.slice(-2);
      if (look.length > 0) onWriting?.(answers[1]?.rows[0]?.['transactions'] as string[]);
      const found = new Map(fence?.rows.map((row) => [row['lane'] as number, row['term'] as number]));
      const lost = lanes.filter((lane) => found.get(lane) !== terms.get(lane));
      if (lost.length > 0) throw new DeposedError(lost);
      for (const lane of lanes) paused.delete(lane);
      for (const lane of pausedAmong(fence?.rows ?? [])) paused.add(lane);
      const writes = (read?.rows ?? []).map(headerOf);
      return {
        writes: paused.size === 0 ? writes : writes.filter(({ lane }) => !paused.has(lane)),
        prefix: [],
      };
    },
  };
}

/**
 * Named writes of any lanes, blocked or not, that can only be settled together: a cycle. Whoever finds it locks the term
 * rows of all its lanes, so that no leader is in the middle of a batch with one of them, and reads them again.
 * Opening it throws {@link PausedError} where one of the lanes is paused.
 */
export function togetherOrigin(lanes: readonly number[], writeIds: readonly string[]): Origin {
  const terms = new Map<number, number>();
  return {
    terms,
    bodies: null,
    async open(session, only) {
      const [, fence, read] = await session.flight([
        { name: 'begin' },
        { name: 'lockTerms', values: [lanes] },
        { name: 'readWrites', values: [only ?? writeIds, true] },
      ]);
      const paused = pausedAmong(fence?.rows ?? []);
      if (paused.length > 0) throw new PausedError(paused);
      for (const row of fence?.rows ?? []) terms.set(row['lane'] as number, row['term'] as number);
      return { writes: (read?.rows ?? []).map(headerOf), prefix: [] };
    },
  };
}

function pausedAmong(fence: readonly Row[]): number[] {
  return fence.filter((row) => row['is_paused'] === true).map((row) => row['lane'] as number);
}

/** Writes that a node holds in its memory and never put into the intake: `direct` and `local` mode. */
export function memoryOrigin(writes: readonly Write[]): Origin {
  const bodies = new Map(writes.map((write) => [write.writeId, write]));
  return {
    terms: new Map(),
    bodies,
    open(_session, only) {
      const named = only === null ? writes : only.flatMap((id) => bodies.get(id) ?? []);
      return Promise.resolve({ writes: named, prefix: [{ name: 'begin' }] });
    },
  };
}

/** A write from a row of sluice.intake. */
export function headerOf(row: Row): WriteHeader {
  return {
    writeId: row['write_id'] as string,
    lane: row['lane'] as number,
    position: row['position'] as number,
    operation: row['operation'] as WriteHeader['operation'],
    resource: row['resource'] as string,
    documentId: row['document_id'] as string,
    referentialId: row['referential_id'] as string,
    superclassId: row['superclass_id'] as string | null,
    referenceIds: row['reference_ids'] as string[],
    contentHash: row['content_hash'] as string,
    ifMatch: row['if_match'] as string | null,
    client: row['client'] as string,
    idempotencyKey: row['idempotency_key'] as string | null,
    referenceDeadline: row['reference_deadline'] as string | null,
    wasBlocked: row['was_blocked'] as boolean,
    node: row['node'] as number,
    waitedSeconds: row['waited_seconds'] as number | null,
    traceparent: row['traceparent'] as string | null,
  };
}
