/** Whether the references of a write let it be applied: before any write of the batch is applied, and after some were taken out. */
import type { WriteHeader } from '#protocol';
import type { Facts } from './facts.ts';
import type { PlanOptions, Verdict } from './plan.ts';

/** What is known of a write's references. */
export type ReferenceState =
  /** All are committed. */
  | { kind: 'certain' }
  /** Some are provided by other writes of this batch. */
  | { kind: 'tentative'; unresolved: string[] }
  /** Some exist nowhere. */
  | { kind: 'unresolved'; missing: string[] }
  /** Some may be provided by writes outside of the batch, or may be waited for. */
  | { kind: 'waiting'; awaits: string[] }
  /** The write has to be deferred: its provider is deferred, or it is planned alone. The index is that of a verdict. */
  | { kind: 'deferred'; for: number };

export function changesIdentity(write: WriteHeader, facts: Facts, options: PlanOptions): boolean {
  if (write.operation !== 'update') return false;
  const document = facts.documents.get(write.documentId);
  if (document === undefined || document.resource !== write.resource || facts.locked.has(write.documentId))
    return false;
  return document.referentialId !== write.referentialId && options.allowsIdentityUpdate(write.resource);
}

/** Which writes of the batch provide an identity. */
export function providersOf(writes: readonly WriteHeader[]): Map<string, number[]> {
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

export function referenceStateOf(
  write: WriteHeader,
  index: number,
  providers: ReadonlyMap<string, readonly number[]>,
  facts: Facts,
  options: PlanOptions,
): ReferenceState {
  let unresolved: string[] | undefined;
  // A document does not keep an identity that it gives up.
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
  if (outside.length === 0) return { kind: 'tentative', unresolved };
  const missing = outside.filter((id) => !mayWait(write, id, facts));
  return missing.length > 0 ? { kind: 'unresolved', missing } : { kind: 'waiting', awaits: outside };
}

function mayWait(write: WriteHeader, id: string, facts: Facts): boolean {
  // The write gives this identity up itself. No other document can take it before, so the wait would be in vain.
  if (facts.aliases.has(id)) return false;
  return write.referenceDeadline !== null || facts.pending.has(id);
}

/** The result of a write whose references within the batch have failed: the result of their providers. */
export function takeOut(
  write: WriteHeader,
  unresolved: string[],
  providers: ReadonlyMap<string, readonly number[]>,
  verdicts: readonly Verdict[],
  facts: Facts,
): ReferenceState {
  const missing: string[] = [];
  let deferredFor: number | undefined;
  for (const id of unresolved) {
    const indexes = providers.get(id) ?? [];
    const deferred = indexes.find((provider) => verdicts[provider]?.kind === 'deferred');
    deferredFor ??= deferred;
    const isOpen =
      deferred !== undefined || indexes.some((provider) => verdicts[provider]?.kind === 'blocked');
    if (!isOpen && !mayWait(write, id, facts)) missing.push(id);
  }
  if (missing.length > 0) return { kind: 'unresolved', missing };
  if (deferredFor !== undefined) return { kind: 'deferred', for: deferredFor };
  return { kind: 'waiting', awaits: unresolved };
}
