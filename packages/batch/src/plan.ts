/**
 * What a batch does, decided from headers and facts alone: rows to write, an outcome for each write that is settled,
 * and the writes to hold back or to block. Pure. The result equals applying the writes one at a time, in an order
 * that respects arrival for each document and lets a reference come before what refers to it.
 *
 * docs/plan.md tells why the rules below suffice.
 */
import { isApplied, type Outcome, type WriteHeader } from '@sluice/protocol';
import { applyAll } from './apply-writes.ts';
import type { Cascade } from './cascade.ts';
import { fingerprintOf, keyOf, type Facts } from './facts.ts';
import { changesIdentity, providersOf, standingOf, takeOut } from './standing.ts';
import type { DocumentState, World } from './world.ts';

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

export type Verdict =
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
