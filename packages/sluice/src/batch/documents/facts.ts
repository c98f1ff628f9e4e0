/** The facts that a plan is based on. A locked row is a fact, too: nothing else is known of it. */
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
  /** Committed identities that the batch provides or refers to, each with its document. */
  aliases: Map<string, string>;
  /** Existing documents that the batch may write, locked. */
  documents: Map<string, DocumentFact>;
  /** Identities that other writes would provide: in the intake, outside of this batch, or in an earlier part of it. */
  pending: Set<string>;
  /** Documents that refer to a document which the batch may delete or rename. */
  referrers: Map<string, Referrer[]>;
  /** Settled writes by idempotency key, as `keyOf` writes it. */
  keys: Map<string, SettledKey>;
  /**
   * By document id or identity: the first write outside of the batch in the order of that document. It is or was
   * blocked, unless the batch is not from the intake: all writes there come before such a batch.
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
