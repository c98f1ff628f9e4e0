/** One call of a function or a handler, and what its failure means. */
import type { WriteHeader } from '#protocol';
import { DatabaseError } from '#store';
import { TargetError, type Refusal } from '../coordinator/fault.ts';
import type { TargetBatch } from '../coordinator/target.ts';

/** The result of one write: that of a handler, with the answer as JSON text. */
export interface CallResult {
  result: unknown;
  /** Of a refusal: the reason that the target gives. */
  code?: unknown;
  /** Null: there is no answer. */
  answerText: string | null;
}

/** Settles these writes; one result for each, in the same order. */
export type Call = (batch: TargetBatch, writes: readonly WriteHeader[]) => Promise<readonly CallResult[]>;

/**
 * The fault of a call, made from the error that it threw. An error of a constraint, a value or RAISE, or an own
 * SQLSTATE refuses the write, once that is tried alone. Any other error makes the write a dead letter.
 */
export function callFault(title: string, cause: unknown): TargetError {
  return cause instanceof TargetError ? cause : new TargetError(title, cause, refusalOf(cause));
}

function refusalOf(cause: unknown): Refusal | null {
  if (!(cause instanceof DatabaseError)) return null;
  const { sqlState, constraint, column, table, raised } = cause;
  if (raised === null && !/^(22|23|44|P0)/.test(sqlState ?? '')) return null;
  const named = table === null ? {} : { table };
  return {
    code: 'target_refused',
    detail: {
      database: { sqlState: sqlState!, constraint, column, ...named },
      ...(raised === null ? {} : { raised }),
    },
  };
}
