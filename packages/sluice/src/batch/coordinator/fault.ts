/**
 * What an error in a batch means: try again, in parts, or settle the one write that is left. Constraints speak of stale
 * facts, deadlocks and time-outs of concurrent work; what remains is a fault of a write, or of a target's own code.
 */
import type { Outcome } from '#protocol';
import { DatabaseError, type Row } from '#store';

/** What is answered to a write that its target does not take. */
export interface Refusal {
  code: NonNullable<Outcome['code']>;
  detail?: Outcome['detail'];
  /** What more can be known once the transaction that met the fault is over. */
  complete?: (look: RefusalLook) => Promise<Outcome['detail']>;
}

export interface RefusalLook {
  /** A named statement of sql/queries, in a transaction of its own. */
  run: (name: string, values: readonly unknown[]) => Promise<Row[]>;
  writeId: string;
  /** Null: it is in the intake. */
  body: string | null;
}

/** What may be kept and logged of a fault. */
interface ReducedFault {
  code: string | null;
  constraint: string | null;
  table: string | null;
}

/** A target, or a part of one, failed for a reason of its own: nothing that trying again would mend. */
export class TargetError extends Error {
  /** The refusal, where the target refuses the write; null: the write becomes a dead letter. */
  readonly refusal: Refusal | null;
  readonly reduced: ReducedFault;

  /** @param target Its name, as errors have it. */
  constructor(target: string, cause: unknown, refusal: Refusal | null = null) {
    super(`${target} failed`, { cause });
    this.name = 'TargetError';
    this.refusal = refusal;
    const { sqlState = null, constraint = null, table = null } = cause instanceof DatabaseError ? cause : {};
    this.reduced = { code: sqlState ?? target, constraint, table };
  }
}

/** An error that a batch can deal with; any other ends the session's work. */
export type BatchFault = DatabaseError | TargetError;

/** Tries of one set of writes, for stale facts and for transient errors. */
const triesMax = 6;
/** Tries of a write that fails alone for another reason, before it becomes a dead letter. */
const triesAloneMax = 3;

/** `look_for_locks`: tried again once all locked rows are known; `block`: blocked until the lock is gone. */
export type Remedy =
  'try_again' | 'look_for_locks' | 'halve' | 'block' | 'refuse' | 'answer_conflict' | 'dead_letter';

/**
 * Of the fault that try number `attempt` of so many writes met.
 * @param withLocks It had looked for locked rows: what it waited for is none that can be looked for.
 */
export function remedyFor(fault: BatchFault, attempt: number, writes: number, withLocks: boolean): Remedy {
  const isPassing = fault instanceof DatabaseError && (fault.isStaleFacts || fault.isTransient);
  if (isPassing) {
    if (fault.isLockWaitOver) return !withLocks ? 'look_for_locks' : writes > 1 ? 'halve' : 'block';
    // What took too long in company may be quick alone.
    if (fault.isStatementOver && writes > 1) return 'halve';
    if (attempt < triesMax) return 'try_again';
    return writes > 1 ? 'halve' : 'answer_conflict';
  }
  if (writes > 1) return 'halve';
  if (fault instanceof TargetError && fault.refusal !== null) return 'refuse';
  return attempt < triesAloneMax ? 'try_again' : 'dead_letter';
}

/** @param writes How many the batch had: with less of them, the server may have memory enough. */
export function isBatchFault(error: unknown, writes: number): error is BatchFault {
  if (error instanceof TargetError) return true;
  if (!(error instanceof DatabaseError) || error.isConnectionLoss || error.isUnfit) return false;
  return !error.isServerTrouble || (error.sqlState === '53200' && writes > 1);
}

export function reducedFault(fault: BatchFault): ReducedFault {
  if (fault instanceof TargetError) return fault.reduced;
  return { code: fault.sqlState, constraint: fault.constraint, table: fault.table };
}
