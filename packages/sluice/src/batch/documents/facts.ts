/** The facts that a plan is made on. A row that another transaction has locked is a fact, too: nothing is known of it. */
import type { SettledKey } from '../coordinator/idempotency.ts';

export interface DocumentFact {
  documentId: string;
  resource: string;
  referentialId: string;
  superclassId: string | null;
  version: number;
  contentHash: string;
  lane: number;
  referenceIds: string[];
}

export interface Referrer {
  documentId: string;
  resource: string;
}

export interface Facts {
  /** Committed identities, of those that the batch provides or refers to, and whose they are. */
  aliases: Map<string, string>;
  /** Existing documents that the batch may write, locked. */
  documents: Map<string, DocumentFact>;
  /** Identities referred to that are not committed but on their way in the intake, outside of this batch. */
  pending: Set<string>;
  /** Documents that refer to a document which the batch may delete or rename. */
  referrers: Map<string, Referrer[]>;
  /** Settled writes by idempotency key, as `keyOf` writes it. */
  keys: Map<string, SettledKey>;
  /**
   * By document id or identity: the write outside of the batch that stands first in that document's order, among the
   * blocked ones, and among all of the intake where the batch bypasses the intake.
   */
  blocked: Map<string, { writeId: string; position: number }>;
  /** Ids of documents, and identities, whose rows another transaction has locked. */
  locked: Set<string>;
}

export function noFacts(): Facts {
  return {
    aliases: new Map(),
    documents: new Map(),
    pending: new Set(),
    referrers: new Map(),
    keys: new Map(),
    blocked: new Map(),
    locked: new Set(),
  };
}
