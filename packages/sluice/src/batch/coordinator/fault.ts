/**
 * Decides what follows from an error in a batch: try again, try in parts, or settle the one write that is left.
 * Constraints mean stale facts; deadlocks and time-outs mean concurrent work. Any other error is a fault of a write
 * or of a target's code.
 */
import type { Outcome } from '#protocol';
import { DatabaseError, type Row } from '#store';

/** The answer to a write that its target refuses. */
export interface Refusal {
  code: NonNullable<Outcome['code']>;
  detail?: Outcome['detail'];
  /**
   * What more can be known once the transaction that met the fault is over. Null, if it needs proof: the write is not at fault,
   * and becomes a dead letter.
   */
  complete?: (look: RefusalLook) => Promise<Outcome['detail'] | null>;
  /** The error may have another cause than the write, so further tries and `complete` come first. */
  needsProof?: boolean;
}

export interface RefusalLook {
  /** A named statement of sql/queries, in a transaction of its own. */
  run: (name: string, values: readonly unknown[]) => Promise<Row[]>;
  writeId: string;
  /** Null: it is in the intake. */
  body: string | null;
}

/** The parts of a fault that may be stored and logged. */
interface ReducedFault {
  code: string | null;
  constraint: string | null;
  table: string | null;
}

/** A target, or a part of one, failed for a reason that another try would not change. */
export class TargetError extends Error {
  /** The answer if the target refuses the write; null: the write becomes a dead letter. */
  readonly refusal: Refusal | null;
  readonly reduced: ReducedFault;

  /** @param target Name of the target, for error messages. */
  constructor(target: string, cause: unknown, refusal: Refusal | null = null) {
    super(`${target} failed`, { cause });
    this.name = 'TargetError';
    this.refusal = refusal;
    const { sqlState = null, constraint = null, table = null } = cause instanceof DatabaseError ? cause : {};
    this.reduced = { code: sqlState ?? target, constraint, table };
  }
}

/** An error that a batch can handle. Any other error ends the work of the session. */
export type BatchFault = DatabaseError | TargetError;

/** Most tries of one set of writes, for stale facts and for transient errors. */
export const triesMax = 6;
/** Most tries of a write that fails alone for another reason, before it becomes a dead letter. */
const triesAloneMax = 3;

/** `look_for_locks`: try again once all locked rows are known; `block`: the write is blocked and tried later. */
export type Remedy =
  'try_again' | 'look_for_locks' | 'halve' | 'block' | 'refuse' | 'answer_conflict' | 'dead_letter';

/**
 * The remedy for a fault.
 * @param attempt Number of the try that met the fault, from 1.
 * @param writes How many writes that try had.
 * @param withLocks The try had searched for locked rows, so it waited for a lock that cannot be found that way.
 */
export function remedyFor(fault: BatchFault, attempt: number, writes: number, withLocks: boolean): Remedy {
  const isPassing = fault instanceof DatabaseError && (fault.isStaleFacts || fault.isTransient);
  if (isPassing) {
    if (fault.isLockWaitOver) return !withLocks ? 'look_for_locks' : writes > 1 ? 'halve' : 'block';
    // A group of writes that took too long may be fast one by one.
    if (fault.isStatementOver && writes > 1) return 'halve';
    if (attempt < triesMax) return 'try_again';
    return writes > 1 ? 'halve' : 'answer_conflict';
  }
  if (writes > 1) return 'halve';
  // Its code may need more than the server ever has. It keeps its place, and others go on.
  if (fault instanceof DatabaseError && fault.isServerTrouble) return 'block';
  if (fault instanceof TargetError && fault.refusal !== null && !fault.refusal.needsProof) return 'refuse';
  return attempt < triesAloneMax ? 'try_again' : 'dead_letter';
}

/** @param writes How many writes the batch had. With fewer of them, the memory of the server may suffice. */
export function isBatchFault(error: unknown, writes: number): error is BatchFault {
  if (error instanceof TargetError) return true;
  if (!(error instanceof DatabaseError) || error.isConnectionLoss || error.isUnfit) return false;
  return !error.isServerTrouble || isOfLentWork(error) || (error.sqlState === '53200' && writes > 1);
}

/** Statements of other code have no name; their deferred checks run at the end. */
function isOfLentWork({ statement }: DatabaseError): boolean {
  return statement === null || statement === 'check_constraints';
}

export function reducedFault(fault: BatchFault): ReducedFault {
  if (fault instanceof TargetError) return fault.reduced;
  return { code: fault.sqlState, constraint: fault.constraint, table: fault.table };
}
