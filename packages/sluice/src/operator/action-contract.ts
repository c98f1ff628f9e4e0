/** What operators do, as plain data: which writes an action is about, what became of each, and what is recorded of it. */
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

/** Which writes an action is about: named ones, or all that match. */
export type Target = { writeIds: readonly string[] } | { matching: StuckFilter };

export interface ActionOptions {
  /** Who acts, for the record: `alice@host`. */
  actor: string;
  /** Only say what would happen. @default false */
  dryRun?: boolean;
}

export interface RetryOptions extends ActionOptions {
  /** Even where the document has changed since, or is about to. @default false */
  force?: boolean;
}

export type RetryRefusal = 'not_a_dead_letter' | 'document_changed' | 'document_pending';

export interface RetryReport {
  matched: number;
  retried: number;
  dryRun: boolean;
  refused: Partial<Record<RetryRefusal, number>>;
  /** What became of each, the first 1000. `newWriteId` is null where it was refused, or in a dry run. */
  writes: { writeId: string; newWriteId: string | null; refusal: RetryRefusal | null }[];
}

export interface DiscardReport {
  matched: number;
  /** Settled by this as not applied. */
  discarded: number;
  /** Dead letters removed. */
  removed: number;
  /** Settled in the meantime: their outcome stands. */
  settledElsewhere: number;
  /** Named, and neither waiting nor a dead letter. */
  notFound: number;
  dryRun: boolean;
}
