/** Actions of operators as plain data: the writes of an action, the result of each, and the record of it. */
import type { StuckFilter } from './contract.ts';

export interface AuditEntry {
  auditId: number;
  doneAt: string;
  actor: string;
  databaseRole: string;
  action: string;
  target: string;
  writes: number;
  writeIds: string[];
  detail: Record<string, unknown> | null;
}

/** The writes of an action: named ones, or all that match. */
export type Target = { writeIds: readonly string[] } | { matching: StuckFilter };

export interface ActionOptions {
  /** Name of the operator, for the record: `alice@host`. */
  actor: string;
  /** Only reports what would happen. @default false */
  dryRun?: boolean;
}

export interface RetryOptions extends ActionOptions {
  /** Retries even if the document has changed since, or is about to. @default false */
  force?: boolean;
}

export type RetryRefusal = 'document_changed' | 'document_pending';

export interface RetryReport {
  /** Dead letters. */
  matched: number;
  retried: number;
  /** Named writes that are not dead letters. */
  notFound: number;
  dryRun: boolean;
  refused: Partial<Record<RetryRefusal, number>>;
  /** Result of each write, the first 1000. `newWriteId` is null if it was refused, or in a dry run. */
  writes: {
    writeId: string;
    newWriteId: string | null;
    refusal: RetryRefusal | 'not_a_dead_letter' | null;
  }[];
}

export interface DiscardReport {
  matched: number;
  /** Writes that this action settled as not applied. */
  discarded: number;
  /** Dead letters removed. */
  removed: number;
  /** Writes that were settled in the meantime: their outcome stays. */
  settledElsewhere: number;
  /** Named writes that neither wait nor are dead letters. */
  notFound: number;
  dryRun: boolean;
}
