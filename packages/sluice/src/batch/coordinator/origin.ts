/**
 * Where the writes of a batch come from: how the transaction begins, which writes it finds, and where their bodies
 * are. The coordinator knows nothing else of them.
 */
import type { Write, WriteHeader } from '#protocol';
import type { Row, Session, Statement, StatementResult } from '#store';

export interface Opened {
  writes: readonly WriteHeader[];
  /** Statements that are still to be sent, before all others, because their answers are not needed. */
  prefix: readonly Statement[];
  /** Checks the answers of `prefix`, and throws if the transaction cannot go on. @default no check */
  check?: ((answers: readonly StatementResult[]) => void) | undefined;
  /**
   * Identities of the writes and of their references that existed when the writes were read, each with its document.
   * Null: they were not read.
   */
  known: ReadonlyMap<string, string> | null;
}

export interface Origin {
  /**
   * Begins a transaction and finds the writes.
   * @param only Names the writes of a batch that is tried again in parts; null: all writes of the origin.
   * @param limits Statements that set limits for the transaction, sent right after its BEGIN.
   */
  open(session: Session, only: readonly string[] | null, limits: readonly Statement[]): Promise<Opened>;
  /** Terms of the lanes that are led; empty if there is none. */
  readonly terms: ReadonlyMap<number, number>;
  /** The writes with their bodies; null: bodies are in the intake. */
  readonly bodies: ReadonlyMap<string, Write> | null;
  /** The writes are blocked, and stay blocked if they still wait for a lock. */
  readonly areBlocked: boolean;
  /**
   * Other sessions lead lanes of these writes. The batch then blocks no write that is ready again, because each leader
   * knows only from its own batches that its lanes have blocked writes.
   */
  readonly isForeign: boolean;
  /**
   * Leaves these lanes out, because another transaction has locked rows of the intake that they need. The origin then
   * finds none of their writes, because later ones might overtake the locked ones.
   */
  leaveOut(lanes: Iterable<number>): void;
}

/** Writes that a node holds in its memory and never put into the intake: `direct`, `local`, bypass and fast path. */
export function memoryOrigin(writes: readonly Write[]): Origin {
  const bodies = new Map(writes.map((write) => [write.writeId, write]));
  return {
    terms: new Map(),
    bodies,
    areBlocked: false,
    isForeign: false,
    leaveOut: () => undefined,
    open(_session, only, limits) {
      const named = only === null ? writes : only.flatMap((id) => bodies.get(id) ?? []);
      return Promise.resolve({ writes: named, prefix: [{ name: 'begin' }, ...limits], known: null });
    },
  };
}

/** Another session works on one of the lanes, or the lane is paused. */
export class BusyLanesError extends Error {}

/**
 * The same, under the locks of the writes' lanes, if all of them are free. A statement of its own takes the locks, so
 * later reads see every earlier batch. Otherwise the transaction throws {@link BusyLanesError}.
 */
export function idleOrigin(writes: readonly Write[]): Origin {
  const lanes = [...new Set(writes.map((write) => write.lane))];
  const lock: Statement = { name: 'lockFreeTerms', values: [lanes] };
  const origin = memoryOrigin(writes);
  return {
    ...origin,
    async open(session, only, limits) {
      const { prefix, ...opened } = await origin.open(session, only, limits);
      return {
        ...opened,
        prefix: [...prefix, lock],
        check(answers) {
          const free = answers[prefix.length]?.rows.filter((row) => row['is_paused'] !== true) ?? [];
          if (free.length < lanes.length) throw new BusyLanesError();
        },
      };
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
    form: row['form'] as string | null,
  };
}
