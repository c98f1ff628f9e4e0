// What a batch must be equal to: writes applied one at a time to documents in a map. It shares no code with the plan
// and makes no attempt to be fast; it is meant to be right at a glance.

import type { OutcomeCode, Result } from 'sluice/internal/protocol';
import {
  allowsIdentityUpdate,
  hashOf,
  keyOfSubmission,
  namesOf,
  resourceOf,
  type Content,
  type PlanCase,
  type Submission,
} from './plan-case.ts';

export interface ModelDocument {
  content: Content;
  version: number;
}

export interface Answer {
  result: Result;
  code: OutcomeCode | null;
  documentId: string | null;
  version: number | null;
  contentHash: string | null;
}

export class SequentialModel {
  readonly documents = new Map<string, ModelDocument>();
  readonly #keys = new Map<string, { request: string; answer: Answer }>();
  readonly #etagOf: (content: Content) => string;

  constructor(stored: PlanCase['stored'], etagOf: (content: Content) => string = hashOf) {
    this.#etagOf = etagOf;
    for (const { documentId, content } of stored) this.documents.set(documentId, { content, version: 1 });
  }

  /** Idempotency keys that have been used. */
  get keys(): ReadonlySet<string> {
    return new Set(this.#keys.keys());
  }

  ownerOf(name: string): string | undefined {
    for (const [documentId, { content }] of this.documents) {
      if (namesOf(content.identity).includes(name)) return documentId;
    }
    return undefined;
  }

  /**
   * Applies writes: one, or several that refer to each other in a cycle. Those are applied as one, so their
   * references are looked at when all of them are there.
   */
  apply(group: readonly Submission[]): Answer[] {
    if (group.length === 1) return group.map((write) => this.#applyOne(write, true));
    const answers = group.map((write) => this.#applyOne(write, false));
    for (const { content, writeId } of group) {
      const missing = this.#missingFrom(content);
      if (missing.length > 0) throw new Error(`A cycle leaves ${writeId} without ${missing.join(', ')}`);
    }
    return answers;
  }

  #applyOne(write: Submission, looksAtReferences: boolean): Answer {
    const key = keyOfSubmission(write);
    const target = write.operation === 'upsert' ? '' : write.documentId;
    const body = write.content === null ? '' : hashOf(write.content);
    const request = [write.operation, write.resource, target, body].join('|');
    const first = key === null ? undefined : this.#keys.get(key);
    if (first !== undefined) {
      return first.request === request ? first.answer : this.#refuse(write, 'idempotency_key_reused');
    }
    const answer = this.#decide(write, looksAtReferences);
    if (key !== null) this.#keys.set(key, { request, answer });
    return answer;
  }

  #decide(write: Submission, looksAtReferences: boolean): Answer {
    const { operation, content, ifMatch } = write;
    const documentId = operation === 'upsert' ? this.ownerOf(write.identity) : write.documentId;
    const found = documentId === undefined ? undefined : this.documents.get(documentId);
    const document =
      found !== undefined && resourceOf(found.content.identity) === write.resource ? found : undefined;

    if (operation !== 'upsert' && document === undefined) return this.#refuse(write, 'document_not_found');
    if (ifMatch !== null) {
      if (document === undefined || ifMatch === 'stale') return this.#refuse(write, 'precondition_failed');
      if (ifMatch !== '*' && hashOf(ifMatch) !== hashOf(document.content))
        return this.#refuse(write, 'precondition_failed');
    }

    if (content === null) return this.#remove(write);

    const isRenamed = document !== undefined && document.content.identity !== content.identity;
    if (isRenamed && !allowsIdentityUpdate(write.resource)) return this.#refuse(write, 'immutable_identity');
    for (const name of namesOf(content.identity)) {
      const owner = this.ownerOf(name);
      if (owner !== undefined && (document === undefined || owner !== documentId))
        return this.#refuse(write, 'identity_conflict');
    }

    const id = document === undefined ? write.documentId : (documentId ?? '');
    if (looksAtReferences) {
      // As it would be: a document may refer to itself, by its new name only.
      const without = new Map(this.documents);
      this.documents.set(id, { content, version: 0 });
      const missing = this.#missingFrom(content);
      this.documents.clear();
      for (const [each, state] of without) this.documents.set(each, state);
      if (missing.length > 0) return this.#refuse(write, 'unresolved_reference');
    }

    if (document !== undefined && hashOf(document.content) === hashOf(content)) {
      return this.#answer('unchanged', id, document);
    }
    const state = { content, version: (document?.version ?? 0) + 1 };
    this.documents.set(id, state);
    if (document !== undefined && isRenamed) this.#carry(document.content.identity, content.identity, id);
    return this.#answer(document === undefined ? 'created' : 'updated', id, state);
  }

  #remove(write: Submission): Answer {
    const document = this.documents.get(write.documentId);
    if (document === undefined) return this.#refuse(write, 'document_not_found');
    const names = namesOf(document.content.identity);
    for (const [other, { content }] of this.documents) {
      if (other !== write.documentId && content.references.some((name) => names.includes(name))) {
        return this.#refuse(write, 'document_referenced');
      }
    }
    this.documents.delete(write.documentId);
    return { ...this.#answer('deleted', write.documentId, document), contentHash: null };
  }

  /** Documents that refer to a renamed one follow. */
  #carry(from: string, to: string, renamed: string): void {
    for (const [documentId, { content, version }] of this.documents) {
      if (documentId === renamed || !content.references.includes(from)) continue;
      const references = content.references.map((name) => (name === from ? to : name));
      this.documents.set(documentId, { content: { ...content, references }, version: version + 1 });
    }
  }

  #missingFrom(content: Content | null): string[] {
    return (content?.references ?? []).filter((name) => this.ownerOf(name) === undefined);
  }

  #answer(result: Result, documentId: string, { version, content }: ModelDocument): Answer {
    return { result, code: null, documentId, version, contentHash: this.#etagOf(content) };
  }

  #refuse(write: Submission, code: OutcomeCode): Answer {
    const documentId = write.operation === 'upsert' ? null : write.documentId;
    return { result: 'refused', code, documentId, version: null, contentHash: null };
  }
}
