// One batch of 500 writes, of which 20 are refused, each for a reason of its own: the others are applied, and each
// refusal says exactly what stands against its write.

import { defineProjection } from 'sluice/internal/batch';
import type { WriteRequest } from 'sluice/internal/client';
import { SluiceError, type Outcome } from 'sluice/internal/protocol';
import { expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { remove, startWorld, update, upsert } from '../support/world.ts';

/** Refuses notes that say so. */
const censor = defineProjection({
  name: 'censor',
  resources: ['test/notes'],
  async apply({ created, updated }, transaction) {
    const ids = [...created, ...updated].map(({ documentId }) => documentId);
    const [offence] = await transaction.query(
      `select from sluice.document where document_id = any($1::uuid[]) and body ? 'offence'`,
      [ids],
    );
    if (offence !== undefined) throw new SluiceError('projection_refused');
  },
});

type Name = Parameters<typeof upsert>[0];
const put = (name: Name, { documentId }: Outcome, document: object, ifMatch: string | null = null) =>
  update(name, documentId!, document, { ifMatch });
const del = (name: Name, { documentId }: Outcome, ifMatch: string | null = null) =>
  remove(name, documentId!, { ifMatch });
const at = (schoolId: number) => ({ schoolReference: { schoolId } });
const by = (organizationId: number) => ({ ownerReference: { organizationId } });
const remarks = (...noteIds: number[]) => ({
  remarks: noteIds.map((noteId) => ({ noteReference: { noteId } })),
});
const after = (enrolmentId: number) => ({ before: { enrolmentReference: { enrolmentId } } });

const database = useDatabase();
const writes = 500;
/** Documents that a change of identity may reach. */
const cascadeDocumentsMax = 3;
const options = { model, cascadeDocumentsMax, projections: [censor] };

test('a batch applies 480 writes and refuses 20, each for its own reason', { timeout: 60_000 }, async () => {
  const world = await startWorld(database.url, { writer: options });
  const given = async (request: WriteRequest): Promise<Outcome> => {
    const outcome = await world.submit(request);
    expect(outcome).toMatchObject({ result: 'created' });
    return outcome;
  };
  const [taken, owned, wide, plain] = await Promise.all(
    [101, 102, 103, 104].map((schoolId) => given(upsert('schools', { schoolId }))),
  );
  const district = await given(upsert('districts', { districtId: 201 }));
  const notes = await Promise.all([1, 2, 3, 4, 5, 6].map((noteId) => given(upsert('notes', { noteId }))));
  const enrolment = await given(upsert('enrolments', { enrolmentId: 1, ...at(102) }));
  await given(upsert('enrolments', { enrolmentId: 2, ...by(201) }));
  await Promise.all(
    [11, 12, 13, 14].map((enrolmentId) => given(upsert('enrolments', { enrolmentId, ...at(103) }))),
  );
  await world.writers[0]!.stop();

  const missing = (...references: [resource: string, path: string, reason?: object][]) => ({
    code: 'unresolved_reference',
    detail: {
      missing: references.map(([resource, path, reason = { reason: 'never_seen' }]) => ({
        resource,
        path,
        ...reason,
      })),
    },
  });
  const failed = (providerCode: string) => ({ reason: 'provider_failed', providerCode });

  /** Writes that come before, after which those that are refused find what they find. */
  const accepted: WriteRequest[] = [
    upsert('schools', { schoolId: 301 }),
    put('notes', notes[0]!, { noteId: 1, text: 'first' }, notes[0]!.contentHash),
    del('notes', notes[1]!),
    del('notes', notes[2]!),
  ];
  const refused: [what: string, request: WriteRequest, answer: object][] = [
    [
      'a school that never was',
      upsert('enrolments', { enrolmentId: 401, ...at(999) }),
      missing(['School', '$.schoolReference']),
    ],
    [
      'one of several in an array',
      upsert('enrolments', { enrolmentId: 402, ...remarks(4, 999, 5) }),
      missing(['Note', '$.remarks[1].noteReference']),
    ],
    [
      'several places',
      upsert('enrolments', { enrolmentId: 403, ...at(998), ...remarks(997) }),
      missing(['School', '$.schoolReference'], ['Note', '$.remarks[0].noteReference']),
    ],
    [
      'an organization of no kind',
      upsert('enrolments', { enrolmentId: 404, ...by(996) }),
      missing(['Organization', '$.ownerReference']),
    ],
    [
      'one that is refused itself',
      upsert('enrolments', { enrolmentId: 405, ...after(401) }),
      missing(['Enrolment', '$.before.enrolmentReference', failed('unresolved_reference')]),
    ],
    [
      'one whose own is refused',
      upsert('enrolments', { enrolmentId: 406, ...after(405) }),
      missing(['Enrolment', '$.before.enrolmentReference', failed('unresolved_reference')]),
    ],
    [
      'the identity of a stored twin',
      upsert('districts', { districtId: 101 }),
      {
        code: 'identity_conflict',
        detail: { conflictsWith: { documentId: taken!.documentId, resource: 'test/schools' } },
      },
    ],
    [
      'the identity of a twin in the batch',
      upsert('districts', { districtId: 301 }),
      { code: 'identity_conflict', detail: { conflictsWith: { resource: 'test/schools' } } },
    ],
    [
      'a new identity that another has',
      put('schools', plain!, { schoolId: 101 }),
      {
        code: 'identity_conflict',
        detail: { conflictsWith: { documentId: taken!.documentId, resource: 'test/schools' } },
      },
    ],
    [
      'an identity that is for good',
      put('notes', notes[3]!, { noteId: 995 }),
      { code: 'immutable_identity', documentId: notes[3]!.documentId },
    ],
    [
      'a referrer',
      del('schools', owned!),
      { code: 'document_referenced', detail: { referredBy: ['test/enrolments'] } },
    ],
    [
      'a referrer by its superclass',
      del('districts', district),
      { code: 'document_referenced', detail: { referredBy: ['test/enrolments'] } },
    ],
    [
      'a version that has passed',
      put('notes', notes[4]!, { noteId: 5, text: 'x' }, 'stale'),
      { code: 'precondition_failed', documentId: notes[4]!.documentId },
    ],
    [
      'a version that the batch has passed',
      put('notes', notes[0]!, { noteId: 1, text: 'second' }, notes[0]!.contentHash),
      { code: 'precondition_failed', documentId: notes[0]!.documentId },
    ],
    [
      'a version of what it deletes',
      del('notes', notes[5]!, 'stale'),
      { code: 'precondition_failed', documentId: notes[5]!.documentId },
    ],
    [
      'a document that is not there',
      upsert('notes', { noteId: 994 }, { ifMatch: '*' }),
      { code: 'precondition_failed' },
    ],
    [
      'an update of what the batch deletes',
      put('notes', notes[1]!, { noteId: 2 }),
      { code: 'document_not_found', documentId: notes[1]!.documentId },
    ],
    [
      'an update that refers to nothing',
      put('enrolments', enrolment, { enrolmentId: 1, ...at(993) }),
      missing(['School', '$.schoolReference']),
    ],
    ['too many to rename', put('schools', wide!, { schoolId: 992 }), { code: 'cascade_too_large' }],
    ['a projection', upsert('notes', { noteId: 991, offence: true }), { code: 'projection_refused' }],
  ];
  expect(refused).toHaveLength(20);

  const special = [...accepted, ...refused.map(([, request]) => request)];
  const others = Array.from({ length: writes - special.length }, (_, index) =>
    index % 3 === 0
      ? upsert('notes', { noteId: 10_000 + index })
      : upsert('enrolments', {
          enrolmentId: 10_000 + index,
          ...at(101),
          ...remarks(10_000 + index - (index % 3)),
        }),
  );
  // Spread over the batch, in their order.
  const step = Math.floor(others.length / special.length);
  const batch = special.flatMap((request, index) => [
    request,
    ...others.slice(index * step, index === special.length - 1 ? undefined : (index + 1) * step),
  ]);
  expect(batch).toHaveLength(writes);

  // Each is accepted before the next one is sent, so that they arrive in this order.
  const idOf = new Map<WriteRequest, string>();
  for (const request of batch) idOf.set(request, (await world.node.accept(request)).writeId);
  await world.startWriter(options);
  const settled = await eventually(async () => {
    const states = await world.node.readWrites('', [...idOf.values()]);
    expect(states.filter(({ outcome }) => outcome !== null)).toHaveLength(writes);
    return new Map(states.map(({ writeId, outcome }) => [writeId, outcome!]));
  });

  const outcomeOf = (request: WriteRequest): Outcome => settled.get(idOf.get(request)!)!;
  expect(refused.map(([what, request]) => ({ what, ...outcomeOf(request) }))).toMatchObject(
    refused.map(([what, , answer]) => ({ what, result: 'refused', ...answer })),
  );
  const isRefused = new Set(refused.map(([, request]) => request));
  const outcomes = batch.filter((request) => !isRefused.has(request)).map(outcomeOf);
  expect(outcomes).toHaveLength(480);
  expect(outcomes.filter(({ code }) => code !== null)).toEqual([]);

  // In few batches: the projection's refusal halves the first, whose second half waits for a change of identity that the
  // first has held back and that goes alone.
  const sizes = await world.sql(
    `select count(*)::int as writes from sluice.outcome where write_id = any($1) group by batch_id order by 1 desc`,
    [[...settled.keys()]],
  );
  expect(sizes.length).toBeLessThanOrEqual(3);
});
