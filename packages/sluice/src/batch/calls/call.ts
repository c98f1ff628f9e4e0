/** One call of a function or a handler, and what its failure means. */
import type { WriteHeader } from '#protocol';
import { DatabaseError } from '#store';
import type { HandlerResult } from '#targets';
import { TargetError, type Refusal } from '../coordinator/fault.ts';
import type { TargetBatch } from '../coordinator/target.ts';

/** Settles these writes; one result for each, in the same order. */
export type Call = (batch: TargetBatch, writes: readonly WriteHeader[]) => Promise<readonly HandlerResult[]>;

/**
 * The fault of a call, made from the error that it threw. An error of a constraint, a value or RAISE refuses the
 * write, once that is tried alone. Any other error makes the write a dead letter.
 */
export function callFault(title: string, cause: unknown): TargetError {
  return cause instanceof TargetError ? cause : new TargetError(title, cause, refusalOf(cause));
}

function refusalOf(cause: unknown): Refusal | null {
  if (!(cause instanceof DatabaseError) || !/^(22|23|44|P0)/.test(cause.sqlState ?? '')) return null;
  const { sqlState, constraint, column } = cause;
  return { code: 'target_refused', detail: { database: { sqlState: sqlState!, constraint, column } } };
}
