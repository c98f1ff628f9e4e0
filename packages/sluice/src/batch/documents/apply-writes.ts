/** Applies writes to the world one after the other, by the rules of their kind. */
import type { MissingReference, Outcome, WriteHeader } from '#protocol';
import { refusal } from '../coordinator/answer.ts';
import { fingerprintOf, keyOf, replay } from '../coordinator/idempotency.ts';
import type { Facts } from './facts.ts';
import type { DocumentState, PlanOptions, Verdict } from './plan.ts';
import type { ReferenceState } from './reference-state.ts';
import { World } from './world.ts';

/** Most missing references that an answer lists. */
export const missingToldMax = 1_000;

/** One pass over the batch in order of arrival. */
export function applyAll(
  writes: readonly WriteHeader[],
  states: readonly ReferenceState[],
  facts: Facts,
  options: PlanOptions,
): { world: World; verdicts: Verdict[] } {
  const world = new World(facts);
  /** Documents and identities that have an unsettled write: later writes to them wait, in order. */
  const behind = new Map<string, { index: number; write: WriteHeader; kind: Verdict['kind'] }>();
  const keysSettled = new Map<string, { fingerprint: string; outcome: Outcome }>();

  const verdicts = writes.map((write, index): Verdict => {
    const state = states[index] ?? { kind: 'certain' };
    const orderKeys = orderKeysOf(write, world);
    const stand = (verdict: Verdict): Verdict => {
      for (const key of orderKeys)
        if (!behind.has(key)) behind.set(key, { index, write, kind: verdict.kind });
      return verdict;
    };

    const first = orderKeys.map((key) => behind.get(key)).find((each) => each !== undefined);
    if (first?.kind === 'blocked') return stand({ kind: 'blocked', awaits: [first.write.writeId] });
    if (first !== undefined) return stand({ kind: 'deferred', for: first.index, isBehind: true });
    if (state.kind === 'deferred') return stand({ kind: 'deferred', for: state.for, isBehind: false });
    const blocker = blockerOf(write, orderKeys, facts);
    if (blocker !== null) return stand({ kind: 'blocked', awaits: [blocker] });

    const key = keyOf(write);
    const replayed = key === null ? undefined : (facts.keys.get(key) ?? keysSettled.get(key));
    if (replayed !== undefined) return { kind: 'settled', outcome: replay(write, replayed) };
    if (needsLocked(write, world)) return stand({ kind: 'blocked', awaits: [write.writeId] });

    const step = applyWrite(write, state, world, facts, options, writes);
    if (step === 'waiting')
      return stand({ kind: 'blocked', awaits: state.kind === 'waiting' ? state.awaits : [] });
    if ('deferredFor' in step) return stand({ kind: 'deferred', for: step.deferredFor, isBehind: false });
    if (key !== null) keysSettled.set(key, { fingerprint: fingerprintOf(write), outcome: step });
    // The write may still be refused, so no write of this batch may build on it. No write may follow a delete, either.
    if (state.kind === 'tentative' || step.result === 'deleted')
      stand({ kind: 'deferred', for: index, isBehind: false });
    return { kind: 'settled', outcome: step };
  });
  return { world, verdicts };
}

/** The document and the identities that a write names, and its key. Writes that share one of these keep their order. */
function orderKeysOf(write: WriteHeader, world: World): string[] {
  // An upsert may create the document with its own id, so that id counts, too.
  const keys = [write.referentialId, write.documentId];
  if (write.superclassId !== null) keys.push(write.superclassId);
  const documentId = world.documentOf(write);
  // If the row is locked, nothing else is known of it.
  if (documentId !== undefined) keys.push(documentId);
  const document = documentId === undefined ? undefined : world.document(documentId);
  if (document !== undefined) {
    // A write that names the document by id may expect another identity than the document has.
    keys.push(document.referentialId);
    if (document.superclassId !== null) keys.push(document.superclassId);
  }
  const key = keyOf(write);
  if (key !== null) keys.push(key);
  return keys;
}

function blockerOf(write: WriteHeader, orderKeys: readonly string[], facts: Facts): string | null {
  if (facts.blocked.size === 0) return null;
  for (const key of orderKeys) {
    const blocker = facts.blocked.get(key);
    if (blocker !== undefined && blocker.position < write.position) return blocker.writeId;
  }
  return null;
}

/**
 * Whether another transaction has locked a row that the write needs: a document that it changes or conflicts with, or
 * the identity of a new reference.
 */
function needsLocked(write: WriteHeader, world: World): boolean {
  const { locked } = world.facts;
  if (locked.size === 0) return false;
  const { documentId, operation, referentialId, superclassId } = write;
  const target = operation === 'upsert' ? world.ownerOf(referentialId) : documentId;
  const owners = [
    target,
    world.ownerOf(referentialId),
    superclassId === null ? undefined : world.ownerOf(superclassId),
  ];
  if (owners.some((id) => id !== undefined && locked.has(id))) return true;
  const kept = target === undefined ? undefined : world.document(target)?.base?.referenceIds;
  return write.referenceIds.some((id) => locked.has(id) && kept?.includes(id) !== true);
}

type Step = Outcome | { deferredFor: number } | 'waiting';

/** Applies one write to the present world, or returns the reason why it cannot. */
function applyWrite(
  write: WriteHeader,
  state: ReferenceState,
  world: World,
  facts: Facts,
  options: PlanOptions,
  batch: readonly WriteHeader[],
): Step {
  const target = targetOf(write, world);
  if (write.operation !== 'upsert' && target === undefined) return refusal(write, 'document_not_found');
  if (
    write.ifMatch !== null &&
    (target === undefined || (write.ifMatch !== '*' && write.ifMatch !== target.contentHash))
  ) {
    return refusal(write, 'precondition_failed');
  }
  if (write.operation === 'delete' && target !== undefined)
    return applyDelete(write, target, world, facts, batch);

  const renames = target !== undefined && target.referentialId !== write.referentialId;
  if (renames && !options.allowsIdentityUpdate(write.resource)) return refusal(write, 'immutable_identity');
  for (const id of [write.referentialId, write.superclassId]) {
    const owner = id === null ? undefined : world.ownerOf(id);
    if (owner !== undefined && owner !== target?.documentId) return conflict(write, owner, world);
  }
  // A document made in this batch gets its new identity in the next.
  if (renames && target.base === null)
    return { deferredFor: batch.findIndex(({ writeId }) => writeId === target.bodyOf) };
  if (state.kind === 'unresolved') {
    const missing = state.missing.slice(0, missingToldMax).map((id): MissingReference => ({
      referentialId: id,
      resource: null,
      path: null,
    }));
    return refusal(write, 'unresolved_reference', { missing });
  }
  if (state.kind === 'waiting') return 'waiting';
  if (target === undefined) return settled(write, 'created', world.create(write));
  if (target.contentHash === write.contentHash && !renames) return settled(write, 'unchanged', target);
  return settled(write, 'updated', world.replace(target, write));
}

function targetOf(write: WriteHeader, world: World): DocumentState | undefined {
  const id = write.operation === 'upsert' ? world.ownerOf(write.referentialId) : write.documentId;
  const target = id === undefined ? undefined : world.document(id);
  return target?.resource === write.resource ? target : undefined;
}

/**
 * Decides a delete by committed data: it is refused if a document outside of the batch refers to the deleted one. It
 * is deferred if a write of this batch refers to it, or may remove the last reference; the next batch decides.
 */
function applyDelete(
  write: WriteHeader,
  target: DocumentState,
  world: World,
  facts: Facts,
  batch: readonly WriteHeader[],
): Step {
  const written = batch.map((other) => world.documentOf(other));
  const isWritten = new Set(written);
  const referrers = facts.referrers.get(target.documentId) ?? [];
  if (referrers.some((referrer) => !isWritten.has(referrer.documentId))) {
    const referredBy = [...new Set(referrers.map((referrer) => referrer.resource))].sort();
    return { ...refusal(write, 'document_referenced', { referredBy }), documentId: target.documentId };
  }
  const refers = new Set<string | undefined>(referrers.map((referrer) => referrer.documentId));
  const inTheWay = batch.findIndex(
    (other, index) =>
      refers.has(written[index]) ||
      (written[index] !== target.documentId &&
        other.referenceIds.some((id) => id === target.referentialId || id === target.superclassId)),
  );
  if (inTheWay !== -1) return { deferredFor: inTheWay };
  world.remove(target);
  return settled(write, 'deleted', target);
}

function settled(write: WriteHeader, result: Outcome['result'], state: DocumentState): Outcome {
  return {
    writeId: write.writeId,
    result,
    code: null,
    resource: write.resource,
    documentId: state.documentId,
    version: state.version,
    contentHash: result === 'deleted' ? null : state.contentHash,
    detail: null,
  };
}

function conflict(write: WriteHeader, owner: string, world: World): Outcome {
  const resource = world.document(owner)?.resource ?? '';
  return refusal(write, 'identity_conflict', { conflictsWith: { documentId: owner, resource } });
}
