/**
 * Decides the effect of a batch from headers and facts alone: rows to write, an outcome for each settled write, and
 * the writes to defer or to block. Pure. The result equals the writes applied one at a time, in an order that keeps
 * arrival for each document and puts each document before its references.
 *
 * docs/plan.md explains why the rules below suffice.
 */
import { isApplied, type WriteHeader } from '#protocol';
import { fingerprintOf, keyOf } from '../coordinator/idempotency.ts';
import { applyAll } from './apply-writes.ts';
import type { Facts } from './facts.ts';
import { emptyPlan, type Plan, type PlanOptions, type Verdict } from './plan.ts';
import { changesIdentity, providersOf, referenceStateOf, takeOut } from './reference-state.ts';
import type { World } from './world.ts';

/** Plans a batch. `writes` are in order of arrival. */
export function planBatch(writes: readonly WriteHeader[], facts: Facts, options: PlanOptions): Plan {
  const { plan, verdicts } = planTogether(writes, facts, options);
  const write = writes[aloneOf(verdicts)];
  if (write === undefined) return plan;
  const { plan: alone } = planTogether([write], facts, options);
  return { ...alone, deferred: writes.filter((other) => other !== write) };
}

/**
 * Index of the write that goes alone; -1: none. It is a change of identity, once all earlier writes are deferred and
 * none has to come first; or one write of a cycle whose writes wait for each other.
 */
function aloneOf(verdicts: readonly Verdict[]): number {
  const moves = verdicts.findIndex((verdict) => verdict.kind !== 'deferred');
  const needsNobody = verdicts.findIndex(
    (verdict, index) => verdict.kind === 'deferred' && verdict.for === index,
  );
  if (needsNobody !== -1 && (moves === -1 || needsNobody < moves)) return needsNobody;
  if (moves !== -1 || verdicts.length === 0) return -1;

  const cycle = cycleOf(verdicts.flatMap((verdict) => (verdict.kind === 'deferred' ? [verdict.for] : [])));
  const isBehind = (index: number): boolean => {
    const verdict = verdicts[index];
    return verdict?.kind === 'deferred' && verdict.isBehind;
  };
  // One write of the cycle has to come first but waits for another: no order is possible, so the blocking write is
  // refused.
  const gives = cycle.find((index, at) => !isBehind(index) && isBehind(cycle.at(at - 1) ?? index));
  return gives ?? Math.min(...cycle);
}

/** Follows each write to the next until one repeats; returns the cycle. */
function cycleOf(next: readonly number[]): number[] {
  const path: number[] = [];
  for (let at = 0; ; at = next[at] ?? 0) {
    const seen = path.indexOf(at);
    if (seen !== -1) return path.slice(seen);
    path.push(at);
  }
}

/**
 * Finds the largest set of writes that can be applied together. First all are applied as if every reference within
 * the batch held. Then writes whose references are missing are taken out, until nothing changes. A write is only ever
 * taken out, so this ends. A write that is taken out cannot return, because all later writes to its document were
 * deferred from the start.
 */
function planTogether(
  writes: readonly WriteHeader[],
  facts: Facts,
  options: PlanOptions,
): { plan: Plan; verdicts: readonly Verdict[] } {
  const providers = providersOf(writes);
  const states = writes.map((write, index) => referenceStateOf(write, index, providers, facts, options));
  // A change of identity is planned alone, because it removes an identity that another write may need.
  writes.forEach((write, index) => {
    const state = states[index];
    if (writes.length === 1 || !changesIdentity(write, facts, options)) return;
    if (state?.kind === 'certain') states[index] = { kind: 'deferred', for: index };
    if (state?.kind !== 'tentative') return;
    const provider = state.unresolved.flatMap((id) => providers.get(id) ?? []).find((one) => one !== index);
    states[index] = { kind: 'deferred', for: provider ?? index };
  });
  for (;;) {
    const { world, verdicts } = applyAll(writes, states, facts, options);
    let changed = false;
    states.forEach((state, index) => {
      const verdict = verdicts[index];
      const write = writes[index];
      if (state.kind !== 'tentative' || write === undefined) return;
      if (verdict?.kind !== 'settled' || !isApplied(verdict.outcome.result)) return;
      const unresolved = state.unresolved.filter((id) => world.ownerOf(id) === undefined);
      if (unresolved.length === 0) return;
      states[index] = takeOut(write, unresolved, providers, verdicts, facts);
      changed = true;
    });
    if (!changed) return { plan: gather(writes, verdicts, world), verdicts };
  }
}

/** Turns verdicts and the world's final state into rows. */
function gather(writes: readonly WriteHeader[], verdicts: readonly Verdict[], world: World): Plan {
  const plan: Plan = { ...emptyPlan(), ...world.changes() };
  const bound = new Set<string>();
  writes.forEach((write, index) => {
    const verdict = verdicts[index];
    if (verdict === undefined || verdict.kind === 'deferred') plan.deferred.push(write);
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
