// Faults that somebody could make in the plan, each as one replacement of text. The property has to notice all of them.

export interface Mutant {
  name: string;
  file: 'apply-writes.ts' | 'plan.ts' | 'standing.ts' | 'world.ts';
  /** Occurs once in the file. */
  from: string;
  to: string;
}

export const mutants: Mutant[] = [
  {
    name: 'holds nothing back behind a write that hangs on another',
    file: 'apply-writes.ts',
    from: `if (standing.kind === 'hanging' || step.result === 'deleted')`,
    to: `if (step.result === 'deleted')`,
  },
  {
    name: 'accepts references that exist nowhere',
    file: 'apply-writes.ts',
    from: `if (standing.kind === 'unresolved') {`,
    to: `if (standing.kind === 'unresolved' && write.position < 0) {`,
  },
  {
    name: 'finds the least set: a reference must arrive before its referrer',
    file: 'standing.ts',
    from: `(id) => !(providers.get(id) ?? []).some((provider) => provider !== index)`,
    to: `(id) => !(providers.get(id) ?? []).some((provider) => provider < index)`,
  },
  {
    name: 'does not take the dependants of a refused write out',
    file: 'plan.ts',
    from: `changed = true;`,
    to: `changed = false;`,
  },
  {
    name: 'refuses the dependants of a held write',
    file: 'standing.ts',
    from: `if (!isOpen && !mayWait(write, id, facts)) missing.push(id);`,
    to: `if (!mayWait(write, id, facts)) missing.push(id);`,
  },
  {
    name: 'does not see that a superclass identity is provided',
    file: 'standing.ts',
    from: `    if (write.operation === 'delete') return;
    for (const id of [write.referentialId, write.superclassId]) {`,
    to: `    if (write.operation === 'delete') return;
    for (const id of [write.referentialId]) {`,
  },
  {
    name: 'ignores If-Match',
    file: 'apply-writes.ts',
    from: `write.ifMatch !== '*' && write.ifMatch !== target.contentHash`,
    to: `write.ifMatch === ''`,
  },
  {
    name: 'judges If-Match by what is stored, not step by step',
    file: 'apply-writes.ts',
    from: `write.ifMatch !== target.contentHash`,
    to: `write.ifMatch !== (target.base?.contentHash ?? target.contentHash)`,
  },
  {
    name: 'counts one version for all writes of a batch',
    file: 'world.ts',
    from: `state.version += 1;`,
    to: `state.version = (state.base?.version ?? 0) + 1;`,
  },
  {
    name: 'keeps the first body of a batch',
    file: 'world.ts',
    from: `state.bodyOf = write.writeId;`,
    to: `state.bodyOf ??= write.writeId;`,
  },
  {
    name: 'updates what is unchanged',
    file: 'apply-writes.ts',
    from: `if (target.contentHash === write.contentHash && !renames)`,
    to: `if (target.contentHash === '')`,
  },
  {
    name: 'does not compare superclass identities',
    file: 'apply-writes.ts',
    from: `  for (const id of [write.referentialId, write.superclassId]) {
    const owner = id === null ? undefined : world.ownerOf(id);`,
    to: `  for (const id of [write.referentialId]) {
    const owner = id === null ? undefined : world.ownerOf(id);`,
  },
  {
    name: 'forgets superclass identities given in the batch',
    file: 'world.ts',
    from: `if (state.superclassId !== null) this.#owners.set(state.superclassId, owner);`,
    to: ``,
  },
  {
    name: 'orders twins of one superclass as if they were strangers',
    file: 'apply-writes.ts',
    from: `  if (write.superclassId !== null) keys.push(write.superclassId);`,
    to: ``,
  },
  {
    name: 'orders writes by identity only, not by document id',
    file: 'apply-writes.ts',
    from: `const keys = [write.referentialId, write.documentId];`,
    to: `const keys = [write.referentialId];`,
  },
  {
    name: 'orders writes by the identity that they give, not by the one that the document has',
    file: 'apply-writes.ts',
    from: `keys.push(document.referentialId);`,
    to: ``,
  },
  {
    name: 'deletes without looking at referrers',
    file: 'apply-writes.ts',
    from: `if (referrers.some((referrer) => !isWritten.has(referrer.documentId))) {`,
    to: `if (referrers.length < 0) {`,
  },
  {
    name: 'deletes what a write of the batch mentions',
    file: 'apply-writes.ts',
    from: `other.referenceIds.some((id) => id === target.referentialId || id === target.superclassId)`,
    to: `other.position < 0`,
  },
  {
    name: 'deletes what a write of the batch mentions by its superclass',
    file: 'apply-writes.ts',
    from: `other.referenceIds.some((id) => id === target.referentialId || id === target.superclassId)`,
    to: `other.referenceIds.includes(target.referentialId)`,
  },
  {
    name: 'deletes what a document refers to that is written in the batch',
    file: 'apply-writes.ts',
    from: `      refers.has(written[index]) ||`,
    to: ``,
  },
  {
    name: 'lets writes follow a delete in one batch',
    file: 'apply-writes.ts',
    from: `if (standing.kind === 'hanging' || step.result === 'deleted')`,
    to: `if (standing.kind === 'hanging')`,
  },
  {
    name: 'answers a key without comparing the request',
    file: 'apply-writes.ts',
    from: `if (first.fingerprint !== fingerprintOf(write))`,
    to: `if (first.fingerprint === '')`,
  },
  {
    name: 'forgets keys used in the same batch',
    file: 'apply-writes.ts',
    from: `(facts.keys.get(key) ?? keysSettled.get(key))`,
    to: `facts.keys.get(key)`,
  },
  {
    name: 'forgets keys used in earlier batches',
    file: 'apply-writes.ts',
    from: `(facts.keys.get(key) ?? keysSettled.get(key))`,
    to: `keysSettled.get(key)`,
  },
  {
    name: 'binds a key twice',
    file: 'plan.ts',
    from: ` && !world.facts.keys.has(key)`,
    to: ``,
  },
  {
    name: 'overtakes blocked writes of earlier batches',
    file: 'apply-writes.ts',
    from: `if (blocker !== null)`,
    to: `if (blocker === '')`,
  },
  {
    name: 'lets a blocked write stop those that arrived before it',
    file: 'apply-writes.ts',
    from: `blocker.position < write.position`,
    to: `blocker.position > write.position`,
  },
  {
    name: 'overtakes writes that are blocked or held in the same batch',
    file: 'apply-writes.ts',
    from: `.find((each) => each !== undefined);`,
    to: `.find((each) => each === null);`,
  },
  {
    name: 'refuses what waits for a write elsewhere',
    file: 'standing.ts',
    from: `return write.referenceDeadline !== null || facts.pending.has(id);`,
    to: `return write.referenceDeadline !== null;`,
  },
  {
    name: 'changes an identity among neighbours',
    file: 'plan.ts',
    from: `if (writes.length === 1 || !changesIdentity(write, facts, options)) return;`,
    to: `if (writes.length > 0) return;`,
  },
  {
    name: 'changes an identity before what the document refers to has come',
    file: 'plan.ts',
    from: `standings[index] = { kind: 'held', for: provider ?? index };`,
    to: `standings[index] = { kind: 'held', for: index };`,
  },
  {
    name: 'lets a document keep a reference to the identity that it gives up',
    file: 'standing.ts',
    from: `if (owner !== undefined && owner !== givenUp) continue;`,
    to: `if (owner !== undefined) continue;`,
  },
  {
    name: 'changes an identity that the model fixes',
    file: 'apply-writes.ts',
    from: `if (renames && !options.allowsIdentityUpdate(write.resource))`,
    to: `if (renames && write.position < 0)`,
  },
  {
    name: 'leaves a circle of held writes as it is',
    file: 'plan.ts',
    from: `if (moves !== -1 || verdicts.length === 0) return -1;`,
    to: `if (verdicts.length >= 0) return -1;`,
  },
  {
    name: 'breaks a circle at the first to arrive, whoever stands behind whom',
    file: 'plan.ts',
    from: `return gives ?? Math.min(...circle);`,
    to: `return Math.min(...circle);`,
  },
  {
    name: 'plans what was settled elsewhere',
    file: 'plan.ts',
    from: `writes.filter((write) => !facts.settled.has(write.writeId))`,
    to: `writes.slice()`,
  },
  {
    name: 'leaves references of the old content',
    file: 'world.ts',
    from: `if (!after.has(referentialId)) changes.removedReferences`,
    to: `if (after.size === 0) changes.removedReferences`,
  },
  {
    name: 'adds no references to a document that had some',
    file: 'world.ts',
    from: `if (!before.has(referentialId))`,
    to: `if (before.size === 0)`,
  },
  {
    name: 'adds references that are there already',
    file: 'world.ts',
    from: `if (!before.has(referentialId))`,
    to: `if (referentialId !== '')`,
  },
];
