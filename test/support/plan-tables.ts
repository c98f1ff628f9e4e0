// The tables, as maps that refuse what PostgreSQL's constraints refuse, and the facts as sql/queries/facts.sql reads them.

import type { Outcome, WriteHeader } from 'sluice/internal/protocol';
import { fingerprintOf, keyOf, noFacts, type Facts, type Plan } from 'sluice/internal/batch';
import { hashOf, headerOf, namesOf, type Content, type PlanCase, type Submission } from './plan-case.ts';

export interface Row {
  documentId: string;
  resource: string;
  version: number;
  lane: number;
  content: Content;
  referenceIds: string[];
}

export interface IntakeRow {
  write: Submission;
  header: WriteHeader;
  /** What it is blocked on; null: ready. */
  awaits: string[] | null;
}

export class Tables {
  documents = new Map<string, Row>();
  aliases = new Map<string, string>();
  readonly keys: Facts['keys'] = new Map();

  constructor(stored: PlanCase['stored']) {
    for (const { documentId, content } of stored) {
      this.#put({
        documentId,
        content,
        version: 1,
        lane: 0,
        resource: content.identity.split(':')[0] ?? '',
        referenceIds: content.references,
      });
      for (const name of namesOf(content.identity)) this.aliases.set(name, documentId);
    }
  }

  /** Who refers to a document, itself left aside. */
  referrersOf(documentId: string): Row[] {
    const isOwn = (name: string): boolean => this.aliases.get(name) === documentId;
    return [...this.documents.values()].filter(
      (row) => row.documentId !== documentId && row.referenceIds.some(isOwn),
    );
  }

  facts(batch: readonly IntakeRow[], intake: readonly IntakeRow[]): Facts {
    const facts = noFacts();
    const elsewhere = intake.filter((row) => !batch.includes(row));
    const isOnItsWay = (name: string): boolean =>
      elsewhere.some(
        ({ header }) =>
          header.operation !== 'delete' && (header.referentialId === name || header.superclassId === name),
      );
    const written = new Set<string>();
    for (const { header } of batch) {
      for (const id of [header.referentialId, header.superclassId]) {
        const owner = id === null ? undefined : this.aliases.get(id);
        if (id === null || owner === undefined) continue;
        facts.aliases.set(id, owner);
        written.add(owner);
      }
      for (const id of header.referenceIds) {
        const owner = this.aliases.get(id);
        if (owner !== undefined) facts.aliases.set(id, owner);
        else if (isOnItsWay(id)) facts.pending.add(id);
      }
      if (header.operation !== 'upsert') {
        written.add(header.documentId);
        const referrers = this.referrersOf(header.documentId);
        if (referrers.length > 0) facts.referrers.set(header.documentId, referrers);
      }
      const key = keyOf(header);
      const known = key === null ? undefined : this.keys.get(key);
      if (key !== null && known !== undefined) facts.keys.set(key, known);
    }
    const identities = new Set(
      batch.flatMap(({ header }) => [header.referentialId, header.superclassId ?? '']),
    );
    for (const documentId of written) {
      const row = this.documents.get(documentId);
      if (row === undefined) continue;
      const [referentialId = '', superclassId = null] = namesOf(row.content.identity);
      const { resource, version, lane, content } = row;
      const contentHash = hashOf(content);
      const referenceIds = [...row.referenceIds];
      const fact = { documentId, resource, referentialId, superclassId, version, contentHash, lane };
      facts.documents.set(documentId, { ...fact, referenceIds });
      for (const name of namesOf(content.identity)) identities.add(name);
    }
    for (const { header, awaits } of elsewhere) {
      const { writeId, position, documentId, referentialId, superclassId } = header;
      if (awaits === null) continue;
      const ids = [documentId, referentialId, superclassId ?? ''];
      if (!written.has(documentId) && !ids.some((id) => identities.has(id))) continue;
      for (const id of ids) {
        const known = facts.blocked.get(id);
        if (id !== '' && (known === undefined || known.position > position))
          facts.blocked.set(id, { writeId, position });
      }
    }
    return facts;
  }

  /** Writes a plan's rows in the order of the commit's statements. Throws what a constraint would. */
  apply(plan: Plan, contentOf: (writeId: string) => Content): void {
    for (const { documentId, referentialId } of plan.removedReferences) {
      const row = this.#get(documentId);
      const kept = row.referenceIds.filter((id) => id !== referentialId);
      demand(kept.length === row.referenceIds.length - 1, `reference to be removed exists: ${referentialId}`);
      row.referenceIds = kept;
    }
    for (const { documentId, version } of plan.deletes) {
      const row = this.#get(documentId);
      demand(row.version === version, `deleted version is the stored one: ${documentId}`);
      demand(row.referenceIds.length === 0, `deleted document has no references left: ${documentId}`);
      for (const [name, owner] of this.aliases) if (owner === documentId) this.aliases.delete(name);
      this.documents.delete(documentId);
    }
    for (const { state, writeId } of plan.updates) {
      const row = this.#get(state.documentId);
      demand(row.version === state.base?.version, `updated version is the stored one: ${row.documentId}`);
      const content = contentOf(writeId);
      demand(hashOf(content) === state.contentHash, `hash is that of the body: ${writeId}`);
      demand(content.identity === state.referentialId, `identity is that of the body: ${writeId}`);
      if (row.content.identity !== content.identity) this.#carry(row, content.identity);
      row.content = content;
      row.version = state.version;
    }
    for (const { state, writeId } of plan.creates) {
      const { documentId, resource, version, lane } = state;
      demand(!this.documents.has(documentId), `created document is new: ${documentId}`);
      const content = contentOf(writeId);
      demand(hashOf(content) === state.contentHash, `hash is that of the body: ${writeId}`);
      this.#put({ documentId, resource, version, lane, content, referenceIds: [] });
      for (const name of namesOf(state.referentialId)) this.#give(name, documentId);
    }
    for (const { documentId, referentialId } of plan.addedReferences) {
      const row = this.#get(documentId);
      demand(!row.referenceIds.includes(referentialId), `reference is new: ${documentId} ${referentialId}`);
      row.referenceIds.push(referentialId);
    }
    for (const { write, fingerprint } of plan.keys) {
      const key = keyOf(write) ?? '';
      demand(!this.keys.has(key) && fingerprint === fingerprintOf(write), `key is new: ${key}`);
      const outcome = plan.outcomes.find(({ outcome: each }) => each.writeId === write.writeId)?.outcome;
      if (outcome !== undefined) this.keys.set(key, { fingerprint, outcome });
    }
    this.#check();
  }

  /** The cascade: references to a renamed document change to its new identity. */
  #carry(renamed: Row, identity: string): void {
    const before = renamed.content.identity;
    this.aliases.delete(before);
    this.#give(identity, renamed.documentId);
    for (const row of this.documents.values()) {
      if (row === renamed || !row.referenceIds.includes(before)) continue;
      const follow = (names: readonly string[]): string[] =>
        names.map((name) => (name === before ? identity : name));
      row.referenceIds = follow(row.referenceIds);
      row.content = { ...row.content, references: follow(row.content.references) };
      row.version += 1;
    }
  }

  #give(name: string, documentId: string): void {
    demand(!this.aliases.has(name), `identity is free: ${name}`);
    this.aliases.set(name, documentId);
  }

  #put(row: Row): void {
    this.documents.set(row.documentId, { ...row, referenceIds: [...row.referenceIds] });
  }

  #get(documentId: string): Row {
    const row = this.documents.get(documentId);
    if (row === undefined) throw new Error(`Constraint: document exists: ${documentId}`);
    return row;
  }

  /** No reference dangles, identities lead to documents, and rows say what bodies say. */
  #check(): void {
    for (const [name, owner] of this.aliases) {
      demand(namesOf(this.#get(owner).content.identity).includes(name), `alias is its document's: ${name}`);
    }
    for (const { documentId, content, referenceIds } of this.documents.values()) {
      for (const name of namesOf(content.identity))
        demand(this.aliases.get(name) === documentId, `document has its alias: ${documentId} ${name}`);
      for (const name of referenceIds)
        demand(this.aliases.has(name), `reference leads to an alias: ${documentId} ${name}`);
      const rows = referenceIds.toSorted().join(' ');
      demand(rows === content.references.toSorted().join(' '), `references are the body's: ${documentId}`);
    }
  }
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`Constraint: ${what}`);
}

export function intakeRow(write: Submission): IntakeRow {
  return { write, header: headerOf(write), awaits: null };
}

export type Settled = { write: Submission; outcome: Outcome };
