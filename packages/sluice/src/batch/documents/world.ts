/**
 * The documents of a batch after the writes applied so far: the facts, with changes on top. At the end it lists the
 * rows that differ from the facts.
 */
import type { WriteHeader } from '#protocol';
import type { Facts } from './facts.ts';
import type { DocumentState, Plan } from './plan.ts';

export class World {
  readonly facts: Facts;
  readonly #documents = new Map<string, DocumentState>();
  /** Owners of identities that this batch gives or removes; null: removed. */
  readonly #owners = new Map<string, string | null>();

  constructor(facts: Facts) {
    this.facts = facts;
  }

  /** The document that has this identity now. */
  ownerOf(referentialId: string): string | undefined {
    const owner = this.#owners.get(referentialId);
    return owner === undefined ? this.facts.aliases.get(referentialId) : (owner ?? undefined);
  }

  /** A document by its id, if it exists now. */
  document(documentId: string): DocumentState | undefined {
    const known = this.#documents.get(documentId);
    if (known !== undefined) return known.exists ? known : undefined;
    const base = this.facts.documents.get(documentId);
    // Nothing is certain of a document that another transaction has locked.
    if (base === undefined || this.facts.locked.has(documentId)) return undefined;
    const state: DocumentState = { ...base, exists: true, bodyOf: null, base };
    this.#documents.set(documentId, state);
    return state;
  }

  /** The document that a write names, if it is known already. */
  documentOf(write: WriteHeader): string | undefined {
    return write.operation === 'upsert' ? this.ownerOf(write.referentialId) : write.documentId;
  }

  create(write: WriteHeader): DocumentState {
    const state: DocumentState = {
      documentId: write.documentId,
      resource: write.resource,
      referentialId: write.referentialId,
      superclassId: write.superclassId,
      version: 1,
      contentHash: write.contentHash,
      referenceIds: write.referenceIds,
      lane: write.lane,
      exists: true,
      bodyOf: write.writeId,
      base: null,
    };
    this.#documents.set(state.documentId, state);
    this.#own(state, state.documentId);
    return state;
  }

  /** Gives a document the content of a write, and a new identity if that differs. */
  replace(state: DocumentState, write: WriteHeader): DocumentState {
    this.#own(state, null);
    state.referentialId = write.referentialId;
    state.superclassId = write.superclassId;
    state.version += 1;
    state.contentHash = write.contentHash;
    state.referenceIds = write.referenceIds;
    state.bodyOf = write.writeId;
    this.#own(state, state.documentId);
    return state;
  }

  remove(state: DocumentState): void {
    state.exists = false;
    this.#own(state, null);
  }

  #own(state: DocumentState, owner: string | null): void {
    this.#owners.set(state.referentialId, owner);
    if (state.superclassId !== null) this.#owners.set(state.superclassId, owner);
  }

  /** The rows in which the world differs from the facts, each document once. */
  changes(): Pick<Plan, 'creates' | 'updates' | 'deletes' | 'addedReferences' | 'removedReferences'> {
    const changes: ReturnType<World['changes']> = {
      creates: [],
      updates: [],
      deletes: [],
      addedReferences: [],
      removedReferences: [],
    };
    for (const state of this.#documents.values()) {
      const { base, bodyOf, documentId } = state;
      if (base === null) {
        if (!state.exists || bodyOf === null) continue;
        changes.creates.push({ state, writeId: bodyOf });
      } else if (!state.exists) {
        changes.deletes.push({ documentId, resource: state.resource, version: base.version });
      } else if (bodyOf !== null) {
        changes.updates.push({ state, writeId: bodyOf });
      } else continue;
      const before = new Set(base?.referenceIds);
      const after = new Set(state.exists ? state.referenceIds : []);
      for (const referentialId of after) {
        if (!before.has(referentialId))
          changes.addedReferences.push({ documentId, referentialId, lane: state.lane });
      }
      for (const referentialId of before) {
        if (!after.has(referentialId)) changes.removedReferences.push({ documentId, referentialId });
      }
    }
    return changes;
  }
}
