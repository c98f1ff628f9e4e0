/**
 * Where the writes of a batch come from. The engine knows this much and no more: how its transaction begins, which
 * writes it finds there, and where their bodies are.
 */
import type { Write, WriteHeader } from '#protocol';
import type { Row, Session, Statement, StatementResult } from '#store';

export interface Opened {
  writes: readonly WriteHeader[];
  /** Statements that are still to be sent, ahead of all others: where no answer of theirs is needed. */
  prefix: readonly Statement[];
  /** Looks at the answers of these, once they are there, and throws where the transaction cannot go on. @default nobody does */
  check?: ((answers: readonly StatementResult[]) => void) | undefined;
}

export interface Origin {
  /**
   * Begins a transaction and finds the writes; `only` names those of a batch that is tried again in parts.
   * @param limits Statements that set limits for the transaction, right behind its BEGIN.
   */
  open(session: Session, only: readonly string[] | null, limits: readonly Statement[]): Promise<Opened>;
  /** Terms of the lanes that are led; empty where none is. */
  readonly terms: ReadonlyMap<number, number>;
  /** The writes with their bodies; null: bodies are in the intake. */
  readonly bodies: ReadonlyMap<string, Write> | null;
  /** Its writes are blocked, and stay so where they still wait for a lock. */
  readonly areBlocked: boolean;
  /**
   * Another transaction has locked rows of the intake without which these lanes cannot go on: none of their writes is
   * found from now on, or later ones might overtake them.
   */
  leaveOut(lanes: Iterable<number>): void;
}

/** Writes that a node holds in its memory and never put into the intake: `direct` and `local` mode. */
export function memoryOrigin(writes: readonly Write[]): Origin {
  const bodies = new Map(writes.map((write) => [write.writeId, write]));
  return {
    terms: new Map(),
    bodies,
    areBlocked: false,
    leaveOut: () => undefined,
    open(_session, only, limits) {
      const named = only === null ? writes : only.flatMap((id) => bodies.get(id) ?? []);
      return Promise.resolve({ writes: named, prefix: [{ name: 'begin' }, ...limits] });
    },
  };
}

/** Somebody works on one of the lanes, or it is paused. */
export class BusyLanesError extends Error {}

/**
 * The same under the locks of the writes' lanes, where all of them are free. The locks are taken in a statement of their
 * own: what is read after it sees every batch that was before. The transaction throws {@link BusyLanesError} otherwise.
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
