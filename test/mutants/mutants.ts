// Faults that somebody could make in the plan, each as one replacement of text. The property has to notice all of them.

export interface Mutant {
  name: string;
  /** In packages/batch/src. */
  file: string;
  /** Occurs once in the file. */
  from: string;
  to: string;
}

export const mutants: Mutant[] = [
  {
    name: 'defers nothing behind a tentative write',
    file: 'documents/apply-writes.ts',
    from: `if (state.kind === 'tentative' || step.result === 'deleted')`,
    to: `if (step.result === 'deleted')`,
  },
  {
    name: 'accepts references that exist nowhere',
    file: 'documents/apply-writes.ts',
    from: `if (state.kind === 'unresolved') {`,
    to: `if (state.kind === 'unresolved' && write.position < 0) {`,
  },
  {
    name: 'finds the least set: a reference must arrive before its referrer',
    file: 'documents/reference-state.ts',
    from: `(id) => !(providers.get(id) ?? []).some((provider) => provider !== index)`,
    to: `(id) => !(providers.get(id) ?? []).some((provider) => provider < index)`,
  },
  {
    name: 'does not take the dependants of a refused write out',
    file: 'documents/plan-batch.ts',
    from: `changed = true;`,
    to: `changed = false;`,
  },
  {
    name: 'refuses the dependants of a deferred write',
    file: 'documents/reference-state.ts',
    from: `if (!isOpen && !mayWait(write, id, facts)) missing.push(id);`,
    to: `if (!mayWait(write, id, facts)) missing.push(id);`,
  },
  {
    name: 'does not see that a superclass identity is provided',
    file: 'documents/reference-state.ts',
    from: `    if (write.operation === 'delete') return;
    for (const id of [write.referentialId, write.superclassId]) {`,
    to: `    if (write.operation === 'delete') return;
    for (const id of [write.referentialId]) {`,
  },
  {
    name: 'ignores If-Match',
    file: 'documents/apply-writes.ts',
    from: `write.ifMatch !== '*' && write.ifMatch !== target.contentHash`,
    to: `write.ifMatch === ''`,
  },
  {
    name: 'judges If-Match by what is stored, not step by step',
    file: 'documents/apply-writes.ts',
    from: `write.ifMatch !== target.contentHash`,
    to: `write.ifMatch !== (target.base?.contentHash ?? target.contentHash)`,
  },
  {
    name: 'counts one version for all writes of a batch',
    file: 'documents/world.ts',
    from: `state.version += 1;`,
    to: `state.version = (state.base?.version ?? 0) + 1;`,
  },
  {
    name: 'keeps the first body of a batch',
    file: 'documents/world.ts',
    from: `state.bodyOf = write.writeId;`,
    to: `state.bodyOf ??= write.writeId;`,
  },
  {
    name: 'updates what is unchanged',
    file: 'documents/apply-writes.ts',
    from: `if (target.contentHash === write.contentHash && !renames)`,
    to: `if (target.contentHash === '')`,
  },
  {
    name: 'does not compare superclass identities',
    file: 'documents/apply-writes.ts',
    from: `  for (const id of [write.referentialId, write.superclassId]) {
    const owner = id === null ? undefined : world.ownerOf(id);`,
    to: `  for (const id of [write.referentialId]) {
    const owner = id === null ? undefined : world.ownerOf(id);`,
  },
  {
    name: 'forgets superclass identities given in the batch',
    file: 'documents/world.ts',
    from: `if (state.superclassId !== null) this.#owners.set(state.superclassId, owner);`,
    to: ``,
  },
  {
    name: 'orders twins of one superclass as if they were strangers',
    file: 'documents/apply-writes.ts',
    from: `  if (write.superclassId !== null) keys.push(write.superclassId);`,
    to: ``,
  },
  {
    name: 'orders writes by identity only, not by document id',
    file: 'documents/apply-writes.ts',
    from: `const keys = [write.referentialId, write.documentId];`,
    to: `const keys = [write.referentialId];`,
  },
  {
    name: 'orders writes by the identity that they give, not by the one that the document has',
    file: 'documents/apply-writes.ts',
    from: `keys.push(document.referentialId);`,
    to: ``,
  },
  {
    name: 'deletes without looking at referrers',
    file: 'documents/apply-writes.ts',
    from: `if (referrers.some((referrer) => !isWritten.has(referrer.documentId))) {`,
    to: `if (referrers.length < 0) {`,
  },
  {
    name: 'deletes what a write of the batch mentions',
    file: 'documents/apply-writes.ts',
    from: `other.referenceIds.some((id) => id === target.referentialId || id === target.superclassId)`,
    to: `other.position < 0`,
  },
  {
    name: 'deletes what a write of the batch mentions by its superclass',
    file: 'documents/apply-writes.ts',
    from: `other.referenceIds.some((id) => id === target.referentialId || id === target.superclassId)`,
    to: `other.referenceIds.includes(target.referentialId)`,
  },
  {
    name: 'deletes what a document refers to that is written in the batch',
    file: 'documents/apply-writes.ts',
    from: `      refers.has(written[index]) ||`,
    to: ``,
  },
  {
    name: 'lets writes follow a delete in one batch',
    file: 'documents/apply-writes.ts',
    from: `if (state.kind === 'tentative' || step.result === 'deleted')`,
    to: `if (state.kind === 'tentative')`,
  },
  {
    name: 'answers a key without comparing the request',
    file: 'coordinator/idempotency.ts',
    from: `if (first.fingerprint !== fingerprintOf(write))`,
    to: `if (first.fingerprint === '')`,
  },
  {
    name: 'forgets keys used in the same batch',
    file: 'documents/apply-writes.ts',
    from: `(facts.keys.get(key) ?? keysSettled.get(key))`,
    to: `facts.keys.get(key)`,
  },
  {
    name: 'forgets keys used in earlier batches',
    file: 'documents/apply-writes.ts',
    from: `(facts.keys.get(key) ?? keysSettled.get(key))`,
    to: `keysSettled.get(key)`,
  },
  {
    name: 'binds a key twice',
    file: 'documents/plan-batch.ts',
    from: ` && !world.facts.keys.has(key)`,
    to: ``,
  },
  {
    name: 'overtakes blocked writes of earlier batches',
    file: 'documents/apply-writes.ts',
    from: `if (blocker !== null)`,
    to: `if (blocker === '')`,
  },
  {
    name: 'lets a blocked write stop those that arrived before it',
    file: 'documents/apply-writes.ts',
    from: `blocker.position < write.position`,
    to: `blocker.position > write.position`,
  },
  {
    name: 'overtakes writes that are blocked or deferred in the same batch',
    file: 'documents/apply-writes.ts',
    from: `.find((each) => each !== undefined);`,
    to: `.find((each) => each === null);`,
  },
  {
    name: 'refuses what waits for a write elsewhere',
    file: 'documents/reference-state.ts',
    from: `return write.referenceDeadline !== null || facts.pending.has(id);`,
    to: `return write.referenceDeadline !== null;`,
  },
  {
    name: 'changes an identity among neighbours',
    file: 'documents/plan-batch.ts',
    from: `if (writes.length === 1 || !changesIdentity(write, facts, options)) return;`,
    to: `if (writes.length > 0) return;`,
  },
  {
    name: 'changes an identity before what the document refers to has come',
    file: 'documents/plan-batch.ts',
    from: `states[index] = { kind: 'deferred', for: provider ?? index };`,
    to: `states[index] = { kind: 'deferred', for: index };`,
  },
  {
    name: 'lets a document keep a reference to the identity that it gives up',
    file: 'documents/reference-state.ts',
    from: `if (owner !== undefined && owner !== givenUp) continue;`,
    to: `if (owner !== undefined) continue;`,
  },
  {
    name: 'changes an identity that the model fixes',
    file: 'documents/apply-writes.ts',
    from: `if (renames && !options.allowsIdentityUpdate(write.resource))`,
    to: `if (renames && write.position < 0)`,
  },
  {
    name: 'leaves a cycle of deferred writes as it is',
    file: 'documents/plan-batch.ts',
    from: `if (moves !== -1 || verdicts.length === 0) return -1;`,
    to: `if (verdicts.length >= 0) return -1;`,
  },
  {
    name: 'breaks a cycle at the first to arrive, whoever stands behind whom',
    file: 'documents/plan-batch.ts',
    from: `return gives ?? Math.min(...cycle);`,
    to: `return Math.min(...cycle);`,
  },
  {
    name: 'leaves references of the old content',
    file: 'documents/world.ts',
    from: `if (!after.has(referentialId)) changes.removedReferences`,
    to: `if (after.size === 0) changes.removedReferences`,
  },
  {
    name: 'adds no references to a document that had some',
    file: 'documents/world.ts',
    from: `if (!before.has(referentialId))`,
    to: `if (before.size === 0)`,
  },
  {
    name: 'adds references that are there already',
    file: 'documents/world.ts',
    from: `if (!before.has(referentialId))`,
    to: `if (referentialId !== '')`,
  },
];
