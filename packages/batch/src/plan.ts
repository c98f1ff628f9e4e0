/**
 * What a batch does, decided from headers and facts alone: rows to write, an outcome for each write that is settled,
 * and the writes to hold back or to block. Pure. The result equals applying the writes one at a time, in an order
 * that respects arrival for each document and lets a reference come before what refers to it.
 *
 * docs/plan.md tells why the rules below suffice.
 */
import type { MissingReference, Outcome, WriteHeader } from '@sluice/protocol';
import { isApplied } from '@sluice/protocol';
import type { Facts } from './facts.ts';
import { keyOf, fingerprintOf } from './facts.ts';
import type { Cascade } from './cascade.ts';
import { World, type DocumentState } from './world.ts';

export interface PlanOptions {
  /** Whether documents of this resource may change their identity. */
  allowsIdentityUpdate: (resource: string) => boolean;
}

export interface DocumentChange {
  state: DocumentState;
  /** The write whose body the document takes. */
  writeId: string;
}

export interface AddedReference {
  documentId: string;
  referentialId: string;
  lane: number;
}

export interface Plan {
  creates: DocumentChange[];
  updates: DocumentChange[];
  deletes: { documentId: string; resource: string; version: number }[];
  addedReferences: AddedReference[];
  removedReferences: { documentId: string; referentialId: string }[];
  /** What follows from a change of identity; null: nothing was renamed. */
  cascade: Cascade | null;
  /** Settled writes in order of arrival, each with its answer. */
  outcomes: { write: WriteHeader; outcome: Outcome }[];
  /** Settled writes whose idempotency key this batch binds. */
  keys: { write: WriteHeader; fingerprint: string }[];
  /** Not settled: to be planned again in the next batch. */
  held: WriteHeader[];
  /** Not settled: to be set aside until one of the awaited ids (identities, or the write stood behind) has changed. */
  blocked: { write: WriteHeader; awaits: string[] }[];
  /** Settled elsewhere: only to be removed from the intake. */
  dropped: WriteHeader[];
}

/** What is known of a write's references before any write is applied. */
type Standing =
  /** All are committed. */
  | { kind: 'certain' }
  /** Some are provided by other writes of this batch. */
  | { kind: 'hanging'; unresolved: string[] }
  /** Some exist nowhere. */
  | { kind: 'unresolved'; missing: string[] }
  /** Some are on their way elsewhere, or may be waited for. */
  | { kind: 'waiting'; awaits: string[] }
  /** To be held back, whatever it finds: for a provider that is, or to be planned alone. Index as in a verdict. */
  | { kind: 'held'; for: number };

type Verdict =
  | { kind: 'settled'; outcome: Outcome }
  /** `for`: index of the write that has to come first, itself if it has to be alone. */
  | { kind: 'held'; for: number; isBehind: boolean }
  | { kind: 'blocked'; awaits: string[] };

/** Plans a batch. `writes` are in order of arrival. */
export function planBatch(writes: readonly WriteHeader[], facts: Facts, options: PlanOptions): Plan {
  const dropped = writes.filter((write) => facts.settled.has(write.writeId));
  const open = dropped.length === 0 ? writes : writes.filter((write) => !facts.settled.has(write.writeId));
  const { plan, verdicts } = planTogether(open, facts, options);
  const write = open[aloneOf(verdicts)];
  if (write === undefined) return { ...plan, dropped };
  const { plan: alone } = planTogether([write], facts, options);
  return { ...alone, held: open.filter((other) => other !== write), dropped };
}

/**
 * Index of the write that goes alone, -1 if none has to: a change of identity, once all that arrived before it is held
 * back and nobody has to come first; or one out of a circle of writes that hold each other back.
 */
function aloneOf(verdicts: readonly Verdict[]): number {
  const moves = verdicts.findIndex((verdict) => verdict.kind !== 'held');
  const needsNobody = verdicts.findIndex(
    (verdict, index) => verdict.kind === 'held' && verdict.for === index,
  );
  if (needsNobody !== -1 && (moves === -1 || needsNobody < moves)) return needsNobody;
  if (moves !== -1 || verdicts.length === 0) return -1;

  const circle = circleOf(verdicts.flatMap((verdict) => (verdict.kind === 'held' ? [verdict.for] : [])));
  const isBehind = (index: number): boolean => {
    const verdict = verdicts[index];
    return verdict?.kind === 'held' && verdict.isBehind;
  };
  // One who has to come first stands behind another of the circle: there is no order, and the one in front gives way.
  const gives = circle.find((index, at) => !isBehind(index) && isBehind(circle.at(at - 1) ?? index));
  return gives ?? Math.min(...circle);
}

/** Follows each to the next until one comes up again: the circle from there on. */
function circleOf(next: readonly number[]): number[] {
  const path: number[] = [];
  for (let at = 0; ; at = next[at] ?? 0) {
    const seen = path.indexOf(at);
    if (seen !== -1) return path.slice(seen);
    path.push(at);
  }
}

function changesIdentity(write: WriteHeader, facts: Facts, options: PlanOptions): boolean {
  if (write.operation !== 'update') return false;
  const document = facts.documents.get(write.documentId);
  if (document === undefined || document.resource !== write.resource) return false;
  return document.referentialId !== write.referentialId && options.allowsIdentityUpdate(write.resource);
}

/**
 * Finds the greatest set of writes that can stand together: all are applied as if every reference within the batch
 * held, those whose references then lead nowhere are taken out, and so on until nothing changes. A write is only ever
 * taken out, so this ends; what is taken out in one pass cannot come back, as every later write to the same document
 * was held back from the start.
 */
function planTogether(
  writes: readonly WriteHeader[],
  facts: Facts,
  options: PlanOptions,
): { plan: Plan; verdicts: readonly Verdict[] } {
  const providers = providersOf(writes);
  const standings = writes.map((write, index) => standingOf(write, index, providers, facts, options));
  // A change of identity is planned alone: it takes away an identity that a neighbour may rely on.
  writes.forEach((write, index) => {
    const standing = standings[index];
    if (writes.length === 1 || !changesIdentity(write, facts, options)) return;
    if (standing?.kind === 'certain') standings[index] = { kind: 'held', for: index };
    if (standing?.kind !== 'hanging') return;
    const provider = standing.unresolved
      .flatMap((id) => providers.get(id) ?? [])
      .find((one) => one !== index);
    standings[index] = { kind: 'held', for: provider ?? index };
  });
  for (;;) {
    const { world, verdicts } = applyAll(writes, standings, facts, options);
    let changed = false;
    standings.forEach((standing, index) => {
      const verdict = verdicts[index];
      const write = writes[index];
      if (standing.kind !== 'hanging' || write === undefined) return;
      if (verdict?.kind !== 'settled' || !isApplied(verdict.outcome.result)) return;
      const unresolved = standing.unresolved.filter((id) => world.ownerOf(id) === undefined);
      if (unresolved.length === 0) return;
      standings[index] = takeOut(write, unresolved, providers, verdicts, facts);
      changed = true;
    });
    if (!changed) return { plan: gather(writes, verdicts, world), verdicts };
  }
}

/** Which writes of the batch provide an identity. */
function providersOf(writes: readonly WriteHeader[]): Map<string, number[]> {
  const providers = new Map<string, number[]>();
  writes.forEach((write, index) => {
    if (write.operation === 'delete') return;
    for (const id of [write.referentialId, write.superclassId]) {
      if (id === null) continue;
      const known = providers.get(id);
      if (known === undefined) providers.set(id, [index]);
      else known.push(index);
    }
  });
  return providers;
}

function standingOf(
  write: WriteHeader,
  index: number,
  providers: ReadonlyMap<string, readonly number[]>,
  facts: Facts,
  options: PlanOptions,
): Standing {
  let unresolved: string[] | undefined;
  // A document does not keep the identity that it gives up.
  const givenUp = changesIdentity(write, facts, options) ? write.documentId : null;
  for (const id of write.referenceIds) {
    if (id === write.referentialId || id === write.superclassId) continue;
    const owner = facts.aliases.get(id);
    if (owner !== undefined && owner !== givenUp) continue;
    (unresolved ??= []).push(id);
  }
  if (unresolved === undefined) return { kind: 'certain' };
  const outside = unresolved.filter(
    (id) => !(providers.get(id) ?? []).some((provider) => provider !== index),
  );
  if (outside.length === 0) return { kind: 'hanging', unresolved };
  const missing = outside.filter((id) => !mayWait(write, id, facts));
  return missing.length > 0 ? { kind: 'unresolved', missing } : { kind: 'waiting', awaits: outside };
}

function mayWait(write: WriteHeader, id: string, facts: Facts): boolean {
  return write.referenceDeadline !== null || facts.pending.has(id);
}

/** The fate of a write whose references within the batch lead nowhere: that of their providers. */
function takeOut(
  write: WriteHeader,
  unresolved: string[],
  providers: ReadonlyMap<string, readonly number[]>,
  verdicts: readonly Verdict[],
  facts: Facts,
): Standing {
  const missing: string[] = [];
  let heldFor: number | undefined;
  for (const id of unresolved) {
    const indexes = providers.get(id) ?? [];
    const held = indexes.find((provider) => verdicts[provider]?.kind === 'held');
    heldFor ??= held;
    const isOpen = held !== undefined || indexes.some((provider) => verdicts[provider]?.kind === 'blocked');
    if (!isOpen && !mayWait(write, id, facts)) missing.push(id);
  }
  if (missing.length > 0) return { kind: 'unresolved', missing };
  if (heldFor !== undefined) return { kind: 'held', for: heldFor };
  return { kind: 'waiting', awaits: unresolved };
}

/** One pass over the batch in order of arrival. */
function applyAll(
  writes: readonly WriteHeader[],
  standings: readonly Standing[],
  facts: Facts,
  options: PlanOptions,
): { world: World; verdicts: Verdict[] } {
  const world = new World(facts);
  /** Documents and identities with a write that is not settled: later writes to them wait, in order. */
  const behind = new Map<string, { index: number; write: WriteHeader; kind: Verdict['kind'] }>();
  const keysSettled = new Map<string, { fingerprint: string; outcome: Outcome }>();

  const verdicts = writes.map((write, index): Verdict => {
    const standing = standings[index] ?? { kind: 'certain' };
    const orderKeys = orderKeysOf(write, world);
    const stand = (verdict: Verdict): Verdict => {
      for (const key of orderKeys)
        if (!behind.has(key)) behind.set(key, { index, write, kind: verdict.kind });
      return verdict;
    };

    const first = orderKeys.map((key) => behind.get(key)).find((each) => each !== undefined);
    if (first?.kind === 'blocked') return stand({ kind: 'blocked', awaits: [first.write.writeId] });
    if (first !== undefined) return stand({ kind: 'held', for: first.index, isBehind: true });
    if (standing.kind === 'held') return stand({ kind: 'held', for: standing.for, isBehind: false });
    const blocker = blockerOf(write, orderKeys, facts);
    if (blocker !== null) return stand({ kind: 'blocked', awaits: [blocker] });

    const key = keyOf(write);
    const replayed = key === null ? undefined : (facts.keys.get(key) ?? keysSettled.get(key));
    if (replayed !== undefined) return { kind: 'settled', outcome: replay(write, replayed) };

    const step = applyWrite(write, standing, world, facts, options, writes);
    if (step === 'waiting')
      return stand({ kind: 'blocked', awaits: standing.kind === 'waiting' ? standing.awaits : [] });
    if ('heldFor' in step) return stand({ kind: 'held', for: step.heldFor, isBehind: false });
    if (key !== null) keysSettled.set(key, { fingerprint: fingerprintOf(write), outcome: step });
    // Its fate may still change, so nothing may be built on it within this batch; and nothing follows a delete.
    if (standing.kind === 'hanging' || step.result === 'deleted')
      stand({ kind: 'held', for: index, isBehind: false });
    return { kind: 'settled', outcome: step };
  });
  return { world, verdicts };
}

/** The document and the identities that a write is about, and its key: writes that share one keep their order. */
function orderKeysOf(write: WriteHeader, world: World): string[] {
  // An upsert is known by its document's id too, from which it may be created.
  const keys = [write.referentialId, write.documentId];
  if (write.superclassId !== null) keys.push(write.superclassId);
  const documentId = world.documentOf(write);
  const document = documentId === undefined ? undefined : world.document(documentId);
  if (document !== undefined) {
    // Whoever means it by its id may know it under another identity than it has.
    keys.push(document.documentId, document.referentialId);
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

function replay(write: WriteHeader, first: { fingerprint: string; outcome: Outcome }): Outcome {
  if (first.fingerprint !== fingerprintOf(write)) return refusal(write, 'idempotency_key_reused');
  return { ...first.outcome, writeId: write.writeId };
}

type Step = Outcome | { heldFor: number } | 'waiting';

/** Applies one write to the world as it stands, or says why not. */
function applyWrite(
  write: WriteHeader,
  standing: Standing,
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
    return { heldFor: batch.findIndex(({ writeId }) => writeId === target.bodyOf) };
  if (standing.kind === 'unresolved') {
    const missing = standing.missing.map((id): MissingReference => ({
      referentialId: id,
      resource: null,
      path: null,
    }));
    return { ...refusal(write, 'unresolved_reference'), detail: { missing } };
  }
  if (standing.kind === 'waiting') return 'waiting';
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
 * A delete is decided by what is committed: refused if a document outside of the batch refers to its own; held back
 * if a write of this batch mentions it, or might take the last reference away. The next batch knows.
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
    return {
      ...refusal(write, 'document_referenced'),
      documentId: target.documentId,
      detail: { referredBy },
    };
  }
  const refers = new Set<string | undefined>(referrers.map((referrer) => referrer.documentId));
  const inTheWay = batch.findIndex(
    (other, index) =>
      refers.has(written[index]) ||
      (written[index] !== target.documentId &&
        other.referenceIds.some((id) => id === target.referentialId || id === target.superclassId)),
  );
  if (inTheWay !== -1) return { heldFor: inTheWay };
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

export function refusal(write: WriteHeader, code: NonNullable<Outcome['code']>): Outcome {
  return {
    writeId: write.writeId,
    result: 'refused',
    code,
    resource: write.resource,
    documentId: write.operation === 'upsert' ? null : write.documentId,
    version: null,
    contentHash: null,
    detail: null,
  };
}

function conflict(write: WriteHeader, owner: string, world: World): Outcome {
  const resource = world.document(owner)?.resource ?? '';
  return {
    ...refusal(write, 'identity_conflict'),
    detail: { conflictsWith: { documentId: owner, resource } },
  };
}

/** A plan that changes nothing. */
export function emptyPlan(): Plan {
  return {
    creates: [],
    updates: [],
    deletes: [],
    addedReferences: [],
    removedReferences: [],
    cascade: null,
    outcomes: [],
    keys: [],
    held: [],
    blocked: [],
    dropped: [],
  };
}

/** Turns verdicts and the world's final state into rows. */
function gather(writes: readonly WriteHeader[], verdicts: readonly Verdict[], world: World): Plan {
  const plan: Plan = {
    ...emptyPlan(),
    ...world.changes(),
  };
  const bound = new Set<string>();
  writes.forEach((write, index) => {
    const verdict = verdicts[index];
    if (verdict === undefined || verdict.kind === 'held') plan.held.push(write);
    else if (verdict.kind === 'blocked') plan.blocked.push({ write, awaits: verdict.awaits });
    else {
      plan.outcomes.push({ write, outcome: verdict.outcome });
      const key = keyOf(write);
      if (key !== null && !bound.has(key) && !world.facts.keys.has(key)) {
        bound.add(key);
        plan.keys.push({ write, fingerprint: fingerprintOf(write) });
      }
    }
  });
  return plan;
}
