/** The effect of a batch of documents: rows to write, and the result of each write. `planBatch` decides it; this is only data. */
import type { Edit } from '#model';
import type { Outcome } from '#protocol';
import { emptySettlement, type Settlement } from '../coordinator/target.ts';
import type { DocumentFact } from './facts.ts';

export interface PlanOptions {
  /** Whether documents of this resource may change their identity. */
  allowsIdentityUpdate: (resource: string) => boolean;
}

/** A document after the writes of the batch that were applied so far. */
export interface DocumentState {
  documentId: string;
  resource: string;
  referentialId: string;
  superclassId: string | null;
  version: number;
  contentHash: string;
  referenceIds: readonly string[];
  lane: number;
  exists: boolean;
  /** The write whose body the document has now; null: the body that is stored. */
  bodyOf: string | null;
  /** The stored document; null for one that this batch creates. */
  base: DocumentFact | null;
}

export interface DocumentChange {
  state: DocumentState;
  /** The write whose body the document takes. */
  writeId: string;
}

interface AddedReference {
  documentId: string;
  referentialId: string;
  lane: number;
}

type RemovedReference = Omit<AddedReference, 'lane'>;

/** Each write is in `outcomes`, `deferred` or `blocked`. */
export interface Plan extends Pick<Settlement, 'outcomes' | 'keys' | 'deferred' | 'blocked'> {
  creates: DocumentChange[];
  updates: DocumentChange[];
  deletes: { documentId: string; resource: string; version: number }[];
  addedReferences: AddedReference[];
  removedReferences: RemovedReference[];
  /** The effects of a change of identity; null: no identity changes. */
  cascade: Cascade | null;
}

/** A plan that changes nothing. */
export function emptyPlan(): Plan {
  const { outcomes, keys, deferred, blocked } = emptySettlement();
  return {
    outcomes,
    keys,
    deferred,
    blocked,
    creates: [],
    updates: [],
    deletes: [],
    addedReferences: [],
    removedReferences: [],
    cascade: null,
  };
}

/** A document whose body follows a renamed one. */
interface CarriedDocument {
  documentId: string;
  /** Endpoint. */
  resource: string;
  plannedOn: number;
  contentHash: string;
  referentialId: string;
  superclassId: string | null;
  lane: number;
  edits: Edit[];
}

export interface Cascade {
  documents: CarriedDocument[];
  addedAliases: { referentialId: string; documentId: string; lane: number }[];
  removedAliases: string[];
  addedReferences: AddedReference[];
  removedReferences: RemovedReference[];
}

/** The result of one write. */
export type Verdict =
  | { kind: 'settled'; outcome: Outcome }
  /** `for`: index of the write that has to come first; its own index if it has to be alone. */
  | { kind: 'deferred'; for: number; isBehind: boolean }
  | { kind: 'blocked'; awaits: string[] };
