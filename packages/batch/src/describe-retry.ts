/** A transaction of a batch that failed, as one line of a log: codes, names and ids, nothing of any document. */
import type { WriteHeader } from '@sluice/protocol';
import { DatabaseError } from '@sluice/store';
import type { BatchReport } from './attempt.ts';
import { reducedFault, type BatchFault, type Remedy } from './fault.ts';
import type { Origin } from './origin.ts';

export interface BatchRetry {
  batchId: string;
  /** The lanes of its writes. */
  lanes: number[];
  /** How many writes it had. */
  writes: number;
  /** The first of them. */
  writeIds: string[];
  /** Which try of these writes failed. */
  attempt: number;
  sqlState: string | null;
  constraint: string | null;
  table: string | null;
  /** Name of the statement in sql/queries, where it is one. */
  statement: string | null;
  /** What is done about it. */
  remedy: Remedy;
}

const writeIdsMax = 10;

export function describeRetry(
  { batchId }: BatchReport,
  { terms }: Pick<Origin, 'terms'>,
  writes: readonly Pick<WriteHeader, 'writeId' | 'lane'>[],
  fault: BatchFault,
  attempt: number,
  remedy: Remedy,
): BatchRetry {
  const { code, constraint, table } = reducedFault(fault);
  const lanes = writes.length === 0 ? terms.keys() : writes.map(({ lane }) => lane);
  return {
    batchId,
    lanes: [...new Set(lanes)].sort((a, b) => a - b),
    writes: writes.length,
    writeIds: writes.slice(0, writeIdsMax).map(({ writeId }) => writeId),
    attempt,
    sqlState: code,
    constraint,
    table,
    statement: fault instanceof DatabaseError ? fault.statement : null,
    remedy,
  };
}
