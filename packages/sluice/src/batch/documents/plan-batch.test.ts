import type { WriteHeader } from '#protocol';
import { describe, expect, test } from 'vitest';
import { noFacts, type DocumentFact, type Facts } from './facts.ts';
import type { Plan } from './plan.ts';
import { planBatch } from './plan-batch.ts';

const options = { allowsIdentityUpdate: (resource: string) => resource === 'section' };

/** A committed document: it is its own identity's owner, and has the body `v0`. */
function document(identity: string, more: Partial<DocumentFact> = {}): DocumentFact {
  const [resource = ''] = identity.split(' ');
  const documentId = `the ${identity}`;
  const common = { documentId, resource, referentialId: identity, superclassId: null };
  return { ...common, version: 1, contentHash: 'v0', lane: 0, referenceIds: [], ...more };
}

function factsOf(documents: readonly DocumentFact[] = [], more: Partial<Facts> = {}): Facts {
  const facts = { ...noFacts(), ...more };
  for (const each of documents) {
    facts.documents.set(each.documentId, each);
    for (const id of [each.referentialId, each.superclassId]) {
      if (id !== null) facts.aliases.set(id, each.documentId);
    }
  }
  for (const { documentId, resource, referenceIds } of documents) {
    for (const id of referenceIds) {
      const target = facts.aliases.get(id) ?? '';
      facts.referrers.set(target, [...(facts.referrers.get(target) ?? []), { documentId, resource }]);
    }
  }
  return facts;
}

/** Writes in order of arrival, named `1`, `2` and so on. */
function arriving(...writes: Partial<WriteHeader>[]): WriteHeader[] {
  return writes.map((write, index) => ({
    writeId: String(index + 1),
    lane: 0,
    position: index + 1,
    operation: 'upsert',
    resource: write.referentialId?.split(' ')[0] ?? '',
    documentId: `new ${index + 1}`,
    referentialId: '',
    superclassId: null,
    referenceIds: [],
    contentHash: write.operation === 'delete' ? '' : `v${index + 1}`,
    ifMatch: null,
    client: 'ann',
    idempotencyKey: null,
    referenceDeadline: null,
    wasBlocked: false,
    waitedSeconds: null,
    traceparent: null,
    form: null,
    node: 1,
    ...write,
  }));
}

function upsert(referentialId: string, ...referenceIds: string[]): Partial<WriteHeader> {
  return { referentialId, referenceIds };
}

function update(documentId: string, referentialId: string, ...referenceIds: string[]): Partial<WriteHeader> {
  return { operation: 'update', documentId, referentialId, referenceIds };
}

function remove(identity: string): Partial<WriteHeader> {
  return { operation: 'delete', documentId: `the ${identity}`, referentialId: identity };
}

/** Each write's fate in a word: its result or code, `deferred` or `blocked`. */
function fates(plan: Plan): Record<string, string> {
  return Object.fromEntries([
    ...plan.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? outcome.result]),
    ...plan.deferred.map(({ writeId }) => [writeId, 'deferred']),
    ...plan.blocked.map(({ write, awaits }) => [write.writeId, `blocked on ${awaits.join(' and ')}`]),
  ]) as Record<string, string>;
}

function outcomeOf(plan: Plan, writeId: string): Plan['outcomes'][number]['outcome'] | undefined {
  return plan.outcomes.find(({ outcome }) => outcome.writeId === writeId)?.outcome;
}

describe('references', () => {
  test('references resolve to documents that are created in the same batch, whichever arrives first', () => {
    const writes = arriving(upsert('student 1', 'school 1'), upsert('school 1'));
    const plan = planBatch(writes, factsOf(), options);
    expect(fates(plan)).toEqual({ 1: 'created', 2: 'created' });
    expect(plan.creates.map(({ state }) => state.documentId)).toEqual(['new 1', 'new 2']);
    expect(plan.addedReferences).toEqual([{ documentId: 'new 1', referentialId: 'school 1', lane: 0 }]);
  });

  test('documents in a cycle are committed together', () => {
    const writes = arriving(upsert('a 1', 'b 1'), upsert('b 1', 'c 1'), upsert('c 1', 'a 1'));
    const plan = planBatch(writes, factsOf(), options);
    expect(fates(plan)).toEqual({ 1: 'created', 2: 'created', 3: 'created' });
  });

  test('a document that refers to itself needs no other', () => {
    const plan = planBatch(arriving(upsert('a 1', 'a 1')), factsOf(), options);
    expect(fates(plan)).toEqual({ 1: 'created' });
  });

  test('references may name the superclass', () => {
    const writes = arriving(
      { ...upsert('school 5'), superclassId: 'organization 5' },
      upsert('student 1', 'organization 5'),
    );
    const plan = planBatch(writes, factsOf(), options);
    expect(fates(plan)).toEqual({ 1: 'created', 2: 'created' });
  });

  test('references that exist nowhere are refused, and each is named', () => {
    const facts = factsOf([document('school 1')]);
    const plan = planBatch(arriving(upsert('student 1', 'school 1', 'a 1', 'b 1')), facts, options);
    expect(fates(plan)).toEqual({ 1: 'unresolved_reference' });
    expect(outcomeOf(plan, '1')?.detail?.missing?.map((each) => each.referentialId)).toEqual(['a 1', 'b 1']);
    expect(plan.creates).toEqual([]);
  });

  test('references that exist nowhere are named up to a thousand', () => {
    const missing = Array.from({ length: 1_500 }, (_, index) => `nowhere ${index}`);
    const plan = planBatch(arriving(upsert('student 1', ...missing)), factsOf(), options);
    expect(outcomeOf(plan, '1')?.detail?.missing).toHaveLength(1_000);
  });

  test('a refused write refuses the writes that refer to it, directly or indirectly, and no others', () => {
    const writes = arriving(
      upsert('d 1', 'c 1'),
      upsert('c 1', 'b 1'),
      upsert('b 1', 'nowhere'),
      upsert('e 1'),
      upsert('f 1', 'e 1'),
    );
    const plan = planBatch(writes, factsOf(), options);
    expect(fates(plan)).toEqual({
      1: 'unresolved_reference',
      2: 'unresolved_reference',
      3: 'unresolved_reference',
      4: 'created',
      5: 'created',
    });
  });

  test('all writes of a cycle are refused when one of them refers to nothing', () => {
    const writes = arriving(upsert('a 1', 'b 1'), upsert('b 1', 'a 1', 'nowhere'));
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({
      1: 'unresolved_reference',
      2: 'unresolved_reference',
    });
  });

  test('a reference stays when the first of two writes that provide it is refused', () => {
    const writes = arriving(
      upsert('student 1', 'school 1'),
      upsert('school 1', 'nowhere'),
      upsert('school 1'),
    );
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({
      1: 'created',
      2: 'unresolved_reference',
      3: 'created',
    });
  });

  test('an update writes only the differences of its references', () => {
    const facts = factsOf([
      document('a 1', { referenceIds: ['b 1', 'c 1'] }),
      document('b 1'),
      document('c 1'),
    ]);
    facts.aliases.set('d 1', 'the d 1');
    const plan = planBatch(arriving(upsert('a 1', 'c 1', 'd 1')), facts, options);
    expect(plan.addedReferences).toEqual([{ documentId: 'the a 1', referentialId: 'd 1', lane: 0 }]);
    expect(plan.removedReferences).toEqual([{ documentId: 'the a 1', referentialId: 'b 1' }]);
  });
});

describe('several writes to one document', () => {
  test('several writes to one document become one row and one outcome each', () => {
    const writes = arriving(upsert('a 1'), upsert('a 1'), update('new 1', 'a 1'), upsert('a 1'));
    const plan = planBatch(writes, factsOf(), options);
    expect(fates(plan)).toEqual({ 1: 'created', 2: 'updated', 3: 'updated', 4: 'updated' });
    expect(plan.outcomes.map(({ outcome }) => [outcome.documentId, outcome.version])).toEqual([
      ['new 1', 1],
      ['new 1', 2],
      ['new 1', 3],
      ['new 1', 4],
    ]);
    expect(plan.creates).toHaveLength(1);
    expect(plan.creates[0]).toMatchObject({ writeId: '4', state: { version: 4, contentHash: 'v4' } });
    expect(plan.updates).toEqual([]);
  });

  test('several writes to one document count versions on from the stored one', () => {
    const facts = factsOf([document('a 1', { version: 7 })]);
    const plan = planBatch(arriving(upsert('a 1'), upsert('a 1')), facts, options);
    expect(plan.updates).toHaveLength(1);
    expect(plan.updates[0]).toMatchObject({ writeId: '2', state: { version: 9, base: { version: 7 } } });
  });

  test('a write with unchanged content changes nothing', () => {
    const facts = factsOf([document('a 1')]);
    const same = { contentHash: 'v0' };
    const plan = planBatch(
      arriving({ ...upsert('a 1'), ...same }, { ...upsert('a 1'), ...same }),
      facts,
      options,
    );
    expect(fates(plan)).toEqual({ 1: 'unchanged', 2: 'unchanged' });
    expect(plan.updates).toEqual([]);
    expect(outcomeOf(plan, '1')).toMatchObject({ version: 1, contentHash: 'v0', documentId: 'the a 1' });
  });

  test('several writes to one document are checked against If-Match one after the other', () => {
    const facts = factsOf([document('a 1')]);
    const writes = arriving(
      { ...upsert('a 1'), ifMatch: 'v0' },
      { ...upsert('a 1'), ifMatch: 'v0' },
      { ...upsert('a 1'), ifMatch: 'v1' },
      { ...upsert('b 1'), ifMatch: '*' },
      { ...upsert('a 1'), ifMatch: '*' },
    );
    expect(fates(planBatch(writes, facts, options))).toEqual({
      1: 'updated',
      2: 'precondition_failed',
      3: 'updated',
      4: 'precondition_failed',
      5: 'updated',
    });
  });

  test('a conditional write is deferred while an earlier write of its document refers to the batch', () => {
    const writes = arriving(upsert('a 1', 'b 1'), upsert('b 1'), { ...upsert('a 1'), ifMatch: 'v1' });
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({
      1: 'created',
      2: 'created',
      3: 'deferred',
    });
  });

  test('a deferred write defers the writes that refer to its document', () => {
    const writes = arriving(
      { ...upsert('b 1', 'c 1'), ifMatch: '*' },
      upsert('b 1'),
      upsert('a 1', 'b 1'),
      upsert('c 1'),
    );
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({
      1: 'precondition_failed',
      2: 'deferred',
      3: 'deferred',
      4: 'created',
    });
  });

  test('an update by id counts as a write to the document of that id', () => {
    const facts = factsOf([document('a 1')]);
    const writes = arriving(upsert('a 1', 'b 1'), upsert('b 1'), update('the a 1', 'a 2'));
    expect(fates(planBatch(writes, facts, options))).toEqual({ 1: 'updated', 2: 'created', 3: 'deferred' });
  });
});

describe('an identity', () => {
  test('an identity belongs to one document, also under its superclass', () => {
    const writes = arriving(
      { ...upsert('school 5'), superclassId: 'organization 5' },
      { ...upsert('district 5'), superclassId: 'organization 5' },
    );
    const plan = planBatch(writes, factsOf(), options);
    expect(fates(plan)).toEqual({ 1: 'created', 2: 'identity_conflict' });
    expect(outcomeOf(plan, '2')?.detail?.conflictsWith).toEqual({ documentId: 'new 1', resource: 'school' });
  });

  test('an identity is free for the second write when the first is refused', () => {
    const writes = arriving(
      { ...upsert('school 5', 'nowhere'), superclassId: 'organization 5' },
      { ...upsert('district 5'), superclassId: 'organization 5' },
    );
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({ 1: 'unresolved_reference', 2: 'created' });
  });

  test('an identity cannot be changed where the resource does not allow it', () => {
    const plan = planBatch(arriving(update('the a 1', 'a 2')), factsOf([document('a 1')]), options);
    expect(fates(plan)).toEqual({ 1: 'immutable_identity' });
  });

  test('an identity is changed alone', () => {
    const facts = factsOf([document('section 1')]);
    const writes = arriving(update('the section 1', 'section 2'), upsert('a 1'), upsert('section 1'));
    const plan = planBatch(writes, facts, options);
    expect(fates(plan)).toEqual({ 1: 'updated', 2: 'deferred', 3: 'deferred' });
    expect(plan.updates[0]?.state).toMatchObject({ referentialId: 'section 2', version: 2 });
  });

  test('an identity is changed after earlier writes, and writes that refer to the new one wait', () => {
    const facts = factsOf([document('section 1')]);
    const writes = arriving(upsert('a 1', 'section 2'), upsert('b 1'), update('the section 1', 'section 2'));
    expect(fates(planBatch(writes, facts, options))).toEqual({ 1: 'deferred', 2: 'created', 3: 'deferred' });
    expect(fates(planBatch([writes[0], writes[2]] as WriteHeader[], facts, options))).toEqual({
      1: 'deferred',
      3: 'updated',
    });
  });

  test('an identity is changed after the documents that its document newly refers to', () => {
    const facts = factsOf([document('section 1')]);
    const writes = arriving(update('the section 1', 'section 2', 'a 1'), upsert('a 1'));
    expect(fates(planBatch(writes, facts, options))).toEqual({ 1: 'deferred', 2: 'created' });
  });

  test('a document that gives an identity up cannot refer to it', () => {
    const facts = factsOf([document('section 1')]);
    const plan = planBatch(arriving(update('the section 1', 'section 2', 'section 1')), facts, options);
    expect(fates(plan)).toEqual({ 1: 'unresolved_reference' });
  });

  test('a document does not wait for the identity that it gives up, because no other can take it before', () => {
    const facts = factsOf([document('section 1')]);
    const moving = { ...update('the section 1', 'section 2', 'section 1'), referenceDeadline: '2026-01-01' };
    expect(fates(planBatch(arriving(moving), facts, options))).toEqual({ 1: 'unresolved_reference' });
    const beside = planBatch(arriving(upsert('section 1'), moving), facts, options);
    expect(fates(beside)).toEqual({ 1: 'updated', 2: 'deferred' });
    const taken = planBatch(arriving(moving, upsert('section 1')), facts, options);
    expect(fates(taken)[1]).toBe('unresolved_reference');
  });

  test('an identity of a document made in this batch is changed in the next', () => {
    const writes = arriving(upsert('section 1'), update('new 1', 'section 2'));
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({ 1: 'created', 2: 'deferred' });
  });

  test('a change to a taken identity is refused', () => {
    const facts = factsOf([document('section 1'), document('section 2')]);
    const plan = planBatch(arriving(update('the section 1', 'section 2')), facts, options);
    expect(fates(plan)).toEqual({ 1: 'identity_conflict' });
  });
});

describe('an update or delete', () => {
  test('an update or delete of an unknown document is refused', () => {
    const writes = arriving(update('the a 1', 'a 1'), remove('b 1'));
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({
      1: 'document_not_found',
      2: 'document_not_found',
    });
  });

  test('an update or delete of a document of another resource is refused', () => {
    const plan = planBatch(
      arriving({ ...remove('a 1'), resource: 'b' }),
      factsOf([document('a 1')]),
      options,
    );
    expect(fates(plan)).toEqual({ 1: 'document_not_found' });
  });
});

describe('a delete', () => {
  test('a delete removes the document and its references', () => {
    const facts = factsOf([document('a 1', { version: 3, referenceIds: ['b 1'] }), document('b 1')]);
    const plan = planBatch(arriving(remove('a 1')), facts, options);
    expect(fates(plan)).toEqual({ 1: 'deleted' });
    expect(plan.deletes).toEqual([{ documentId: 'the a 1', resource: 'a', version: 3 }]);
    expect(plan.removedReferences).toEqual([{ documentId: 'the a 1', referentialId: 'b 1' }]);
  });

  test('a delete is refused while another document refers to it', () => {
    const facts = factsOf([document('a 1'), document('b 1', { referenceIds: ['a 1'] })]);
    const plan = planBatch(arriving(remove('a 1'), upsert('c 1')), facts, options);
    expect(fates(plan)).toEqual({ 1: 'document_referenced', 2: 'created' });
    expect(outcomeOf(plan, '1')?.detail).toEqual({ referredBy: ['b'] });
  });

  test('a delete is deferred while a write of the batch refers to its document', () => {
    const writes = arriving(remove('a 1'), upsert('b 1', 'a 1'));
    expect(fates(planBatch(writes, factsOf([document('a 1')]), options))).toEqual({
      1: 'deferred',
      2: 'created',
    });
  });

  test('a delete is deferred while a write of the batch may remove the last reference', () => {
    const facts = factsOf([document('a 1'), document('b 1', { referenceIds: ['a 1'] })]);
    expect(fates(planBatch(arriving(remove('a 1'), upsert('b 1')), facts, options))).toEqual({
      1: 'deferred',
      2: 'updated',
    });
    expect(fates(planBatch(arriving(remove('a 1'), remove('b 1')), facts, options))).toEqual({
      1: 'deferred',
      2: 'deleted',
    });
  });

  test('later writes to a deleted document are deferred to the next batch', () => {
    const writes = arriving(remove('a 1'), upsert('a 1'), { ...remove('a 1') });
    expect(fates(planBatch(writes, factsOf([document('a 1')]), options))).toEqual({
      1: 'deleted',
      2: 'deferred',
      3: 'deferred',
    });
  });

  test('a delete of a document made in the same batch leaves no row', () => {
    const writes = arriving(upsert('a 1'), { ...remove('a 1'), documentId: 'new 1' });
    const plan = planBatch(writes, factsOf(), options);
    expect(fates(plan)).toEqual({ 1: 'created', 2: 'deleted' });
    expect([plan.creates, plan.deletes]).toEqual([[], []]);
  });
});

describe('a blocked write', () => {
  test('a blocked write awaits a document that another batch may provide', () => {
    const facts = factsOf([], { pending: new Set(['b 1']) });
    const plan = planBatch(arriving(upsert('a 1', 'b 1'), upsert('c 1', 'a 1')), facts, options);
    expect(fates(plan)).toEqual({ 1: 'blocked on b 1', 2: 'blocked on a 1' });
  });

  test('a blocked write awaits a document that no client has submitted only if it has a deadline', () => {
    const deadline = { referenceDeadline: '2030-01-01T00:00:00.000Z' };
    const writes = arriving({ ...upsert('a 1', 'z 1'), ...deadline }, upsert('b 1', 'z 1'));
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({
      1: 'blocked on z 1',
      2: 'unresolved_reference',
    });
  });

  test('a write is refused, not blocked, if another reference exists nowhere', () => {
    const facts = factsOf([], { pending: new Set(['b 1']) });
    const plan = planBatch(arriving(upsert('a 1', 'b 1', 'nowhere')), facts, options);
    expect(fates(plan)).toEqual({ 1: 'unresolved_reference' });
  });

  test('a blocked write blocks later writes of its document, each by the one before', () => {
    const facts = factsOf([], { pending: new Set(['z 1']) });
    const writes = arriving(upsert('a 1', 'z 1'), upsert('a 1'), { ...remove('a 1'), documentId: 'new 1' });
    expect(fates(planBatch(writes, facts, options))).toEqual({
      1: 'blocked on z 1',
      2: 'blocked on 1',
      3: 'blocked on 1',
    });
  });

  test('a blocked write of an earlier batch blocks later writes of its document, but not earlier ones', () => {
    const blocked = new Map([['a 1', { writeId: 'earlier', position: 2 }]]);
    const writes = arriving(upsert('a 1'), upsert('b 1'), upsert('a 1'));
    expect(fates(planBatch(writes, factsOf([], { blocked }), options))).toEqual({
      1: 'created',
      2: 'created',
      3: 'blocked on earlier',
    });
  });

  test('a blocked write also blocks a later write that names the document by id only', () => {
    const blocked = new Map([['section 1', { writeId: 'earlier', position: 0 }]]);
    const facts = factsOf([document('section 1')], { blocked });
    const plan = planBatch(arriving(update('the section 1', 'section 2')), facts, options);
    expect(fates(plan)).toEqual({ 1: 'blocked on earlier' });
  });
});

describe('an idempotency key', () => {
  const key = { idempotencyKey: 'k', contentHash: 'same' };

  test('a repeated idempotency key gets the same outcome within a batch', () => {
    const writes = arriving({ ...upsert('a 1'), ...key }, upsert('a 1'), { ...upsert('a 1'), ...key });
    const plan = planBatch(writes, factsOf(), options);
    expect(fates(plan)).toEqual({ 1: 'created', 2: 'updated', 3: 'created' });
    expect(outcomeOf(plan, '3')).toMatchObject({ documentId: 'new 1', version: 1 });
    expect(plan.keys.map(({ write }) => write.writeId)).toEqual(['1']);
    expect(plan.creates[0]?.writeId).toBe('2');
  });

  test('a repeated idempotency key gets the outcome of an earlier batch', () => {
    const first = planBatch(arriving({ ...upsert('a 1'), ...key }), factsOf(), options);
    const keys: Facts['keys'] = new Map();
    for (const { write, fingerprint } of first.keys) {
      const outcome = outcomeOf(first, write.writeId);
      if (outcome !== undefined) keys.set('ann\u0000k', { fingerprint, outcome });
    }
    const plan = planBatch(arriving({ ...upsert('a 1'), ...key }), factsOf([], { keys }), options);
    expect(fates(plan)).toEqual({ 1: 'created' });
    expect([plan.creates, plan.keys]).toEqual([[], []]);
  });

  test('an idempotency key whose outcome is deleted changes nothing, binds nothing, and is reported', () => {
    const [bound] = planBatch(arriving({ ...upsert('a 1'), ...key }), factsOf(), options).keys;
    const fingerprint = bound?.fingerprint ?? '';
    const keys: Facts['keys'] = new Map([['ann\u0000k', { fingerprint, outcome: null }]]);
    const plan = planBatch(arriving({ ...upsert('a 1'), ...key }), factsOf([], { keys }), options);
    expect(outcomeOf(plan, '1')).toMatchObject({ result: 'refused', code: 'outcome_expired' });
    expect([plan.creates, plan.keys]).toEqual([[], []]);
  });

  test('an idempotency key is refused for another request, and free for another client', () => {
    const writes = arriving(
      { ...upsert('a 1'), ...key },
      { ...upsert('b 1'), ...key, contentHash: 'other' },
      { ...upsert('c 1'), ...key, client: 'bob' },
    );
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({
      1: 'created',
      2: 'idempotency_key_reused',
      3: 'created',
    });
  });
});

describe('a batch', () => {
  test('a batch without writes has an empty plan', () => {
    expect(fates(planBatch([], factsOf(), options))).toEqual({});
  });

  test('a batch whose writes all wait for each other settles one of them alone', () => {
    // Each delete might be what lets the other pass.
    const facts = factsOf([
      document('a 1', { referenceIds: ['b 1'] }),
      document('b 1', { referenceIds: ['a 1'] }),
    ]);
    expect(fates(planBatch(arriving(remove('a 1'), remove('b 1')), facts, options))).toEqual({
      1: 'document_referenced',
      2: 'deferred',
    });
  });

  test('a cycle in which a write waits for one that it blocks refuses only the first write', () => {
    // School 5 needs a; a needs b; b needs organization 6; the school blocks its district.
    const writes = arriving(
      upsert('a 1', 'b 1'),
      upsert('b 1', 'district 5'),
      { ...upsert('school 5', 'a 1'), superclassId: 'organization 5' },
      { ...upsert('district 5'), superclassId: 'organization 5' },
    );
    expect(fates(planBatch(writes, factsOf(), options))).toEqual({
      1: 'deferred',
      2: 'deferred',
      3: 'unresolved_reference',
      4: 'deferred',
    });
    const rest = writes.filter(({ writeId }) => writeId !== '3');
    expect(fates(planBatch(rest, factsOf(), options))).toEqual({ 1: 'created', 2: 'created', 4: 'created' });
  });
});

describe('a row that another transaction has locked', () => {
  test('a locked row blocks the writes of its document in order, but no write that refers to it', () => {
    const facts = factsOf([document('a 1'), document('b 1', { referenceIds: ['a 1'] })], {
      locked: new Set(['the a 1']),
    });
    const writes = arriving(
      upsert('a 1'),
      upsert('b 1', 'a 1'),
      update('the a 1', 'a 1'),
      remove('a 1'),
      upsert('c 1', 'a 1'),
    );
    expect(fates(planBatch(writes, facts, options))).toEqual({
      1: 'blocked on 1',
      2: 'updated',
      3: 'blocked on 1',
      4: 'blocked on 1',
      5: 'created',
    });
  });

  test('a locked deletion blocks new references to its identity, not existing ones', () => {
    const facts = factsOf([document('a 1'), document('b 1', { referenceIds: ['a 1'] })], {
      locked: new Set(['a 1']),
    });
    expect(fates(planBatch(arriving(upsert('b 1', 'a 1'), upsert('c 1', 'a 1')), facts, options))).toEqual({
      1: 'updated',
      2: 'blocked on 2',
    });
  });

  test('a locked row blocks a change of identity, and writes that await the new one', () => {
    const facts = factsOf([document('section 1')], { locked: new Set(['the section 1']) });
    const writes = arriving(update('the section 1', 'section 2'), {
      ...upsert('a 1', 'section 2'),
      referenceDeadline: '2099-01-01T00:00:00Z',
    });
    expect(fates(planBatch(writes, facts, options))).toEqual({
      1: 'blocked on 1',
      2: 'blocked on section 2',
    });
  });
});
