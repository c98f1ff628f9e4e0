/**
 * Carries a change of identity on. Each document that refers to the renamed one gets the new values in its body. If
 * those values are part of its own identity, its referrers follow, transitively, in the same transaction. The
 * database edits the bodies value by value, so that nothing else in them changes.
 */
import { contentHash, describeDocument, laneOf, renameReferences, type Edit, type Model } from '#model';
import type { Row } from '#store';
import type { BatchTransaction } from '../coordinator/batch-transaction.ts';
import type { Cascade, DocumentState } from './plan.ts';

export interface CascadeOptions {
  model: Model;
  lanes: number;
  /** Most documents that may be rewritten, without the renamed one. */
  documentsMax: number;
}

export type CascadeRefusal = 'cascade_too_large' | 'identity_conflict';

/** Most bytes of bodies that refer to one identity and are read together. */
const referrerBytesMax = 128 * 1024 * 1024;

interface Identity {
  referentialId: string;
  superclassId: string | null;
}

/** A document of the cascade. */
interface Carried {
  documentId: string;
  endpoint: string;
  document: unknown;
  /** As stored. */
  before: Identity & { version: number; referenceIds: readonly string[] };
  /** The identity that its referrers contain so far. */
  spelled: Identity;
  now: Identity & { referenceIds: readonly string[]; lane: number };
  edits: Edit[];
}

/**
 * Follows the renaming of `state` to its new content `body`. Referrers are locked in the order of their ids, level by
 * level. Returns the reason if that is not possible; `locked`: another transaction has locked one of the documents.
 */
export async function planCascade(
  transaction: BatchTransaction,
  state: DocumentState,
  body: string,
  options: CascadeOptions,
): Promise<Cascade | CascadeRefusal | 'locked'> {
  const { base } = state;
  if (base === null) throw new Error('Cannot rename a document that is not stored');
  const document: unknown = JSON.parse(body);
  const root: Carried = {
    documentId: state.documentId,
    endpoint: state.resource,
    document,
    before: base,
    spelled: base,
    now: describe(state.resource, document, options),
    edits: [],
  };
  const known = new Map([[root.documentId, root]]);
  // A document comes again when a second value of its identity changes. Until then, its referrers contain the first.
  for (const queue = [root]; queue.length > 0;) {
    const renamed = queue.shift();
    if (renamed === undefined || isSame(renamed.spelled, renamed.now)) continue;
    const rows = await transaction.run('readReferrerBodies', [
      idsOf(renamed.before),
      options.documentsMax + 1,
      referrerBytesMax,
    ]);
    // A document that is known already is locked by this transaction.
    if (rows.some((row) => row['is_locked'] === true)) return 'locked';
    for (const row of rows) {
      if (row['body'] === null) return 'cascade_too_large';
      const referrer = known.get(row['document_id'] as string) ?? carriedOf(row, options);
      if (referrer === root) continue;
      known.set(referrer.documentId, referrer);
      if (known.size - 1 > options.documentsMax) return 'cascade_too_large';
      if (follow(referrer, renamed, options)) queue.push(referrer);
    }
    renamed.spelled = renamed.now;
  }
  state.lane = root.now.lane;
  return (await hasConflict(transaction, [...known.values()]))
    ? 'identity_conflict'
    : cascadeOf(root, [...known.values()]);
}

function describe(endpoint: string, document: unknown, { model, lanes }: CascadeOptions): Carried['now'] {
  const resource = resourceOf(model, endpoint);
  const { referentialId, superclassId, references } = describeDocument(resource, document);
  return {
    referentialId,
    superclassId,
    referenceIds: references.map((reference) => reference.referentialId),
    lane: laneOf(referentialId, superclassId, lanes),
  };
}

function carriedOf(row: Row, options: CascadeOptions): Carried {
  const endpoint = row['resource'] as string;
  const document: unknown = JSON.parse(row['body'] as string);
  const before = {
    referentialId: row['referential_id'] as string,
    superclassId: row['superclass_id'] as string | null,
    version: row['version'] as number,
    referenceIds: row['reference_ids'] as string[],
  };
  const documentId = row['document_id'] as string;
  return {
    documentId,
    endpoint,
    document,
    before,
    spelled: before,
    now: describe(endpoint, document, options),
    edits: [],
  };
}

/** Gives a referrer the new values. Returns whether its own identity has changed. */
function follow(referrer: Carried, renamed: Carried, options: CascadeOptions): boolean {
  const edits = renameReferences(resourceOf(options.model, referrer.endpoint), referrer.document, {
    ...renamed.spelled,
    resource: resourceOf(options.model, renamed.endpoint),
    document: renamed.document,
  });
  referrer.edits.push(...edits);
  referrer.now = describe(referrer.endpoint, referrer.document, options);
  return !isSame(referrer.spelled, referrer.now);
}

function resourceOf(model: Model, endpoint: string): NonNullable<ReturnType<Model['findEndpoint']>> {
  const resource = model.findEndpoint(endpoint);
  if (resource === undefined) throw new Error(`Cannot rename: the model has no resource: ${endpoint}`);
  return resource;
}

function isSame(one: Identity, other: Identity): boolean {
  return one.referentialId === other.referentialId && one.superclassId === other.superclassId;
}

function idsOf({ referentialId, superclassId }: Identity): string[] {
  return superclassId === null ? [referentialId] : [referentialId, superclassId];
}

/** Whether two documents would have one identity: two of the cascade, or one of it and one outside. */
async function hasConflict(transaction: BatchTransaction, all: readonly Carried[]): Promise<boolean> {
  const ids = all.flatMap(({ now }) => idsOf(now));
  if (new Set(ids).size < ids.length) return true;
  const own = new Set(all.map(({ documentId }) => documentId));
  const rows = await transaction.run('readAliases', [ids, [], []]);
  return rows.some((row) => !own.has(row['document_id'] as string));
}

function cascadeOf(root: Carried, all: readonly Carried[]): Cascade {
  const cascade: Cascade = {
    documents: [],
    addedAliases: [],
    removedAliases: [],
    addedReferences: [],
    removedReferences: [],
  };
  for (const carried of all) {
    const { documentId, before, now } = carried;
    const { referentialId, superclassId, lane } = now;
    const was = idsOf(before);
    const is = idsOf(now);
    cascade.removedAliases.push(...was.filter((id) => !is.includes(id)));
    for (const id of is)
      if (!was.includes(id)) cascade.addedAliases.push({ referentialId: id, documentId, lane });
    // The plan already has the references of the renamed document.
    if (carried === root) continue;
    cascade.documents.push({
      documentId,
      resource: carried.endpoint,
      plannedOn: before.version,
      contentHash: contentHash(carried.document),
      referentialId,
      superclassId,
      lane,
      edits: carried.edits,
    });
    const [referred, refers] = [new Set(before.referenceIds), new Set(now.referenceIds)];
    for (const id of refers) {
      if (!referred.has(id)) cascade.addedReferences.push({ documentId, referentialId: id, lane });
    }
    for (const id of referred) {
      if (!refers.has(id)) cascade.removedReferences.push({ documentId, referentialId: id });
    }
  }
  return cascade;
}
