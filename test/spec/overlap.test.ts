// Requests that overlap, from two nodes at once, whichever way their writes take: each has a defined answer, and what is
// stored agrees with the answers.

import type { SluiceClient, WriteRequest } from 'sluice/internal/client';
import { SluiceError, type Mode, type Outcome } from 'sluice/internal/protocol';
import { describe, expect, test } from 'vitest';
import { Rng } from '../chaos/rng.ts';
import { modes } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { resource } from '../support/model.ts';
import { fresh, remove, startWorld, update, upsert, type World } from '../support/world.ts';

type Name = 'schools' | 'districts' | 'notes' | 'enrolments';
const put = (name: Name, { documentId }: Outcome, document: object, ifMatch: string | null = null) =>
  update(name, documentId!, document, { ifMatch });
const del = (name: Name, { documentId }: Outcome) => remove(name, documentId!);
const enrolment = (enrolmentId: number, schoolId: number, text = '') => ({
  enrolmentId,
  text,
  schoolReference: { schoolId },
});

/** Rounds of one overlap, all at once: so they meet in batches of their own and in shared ones. */
const rounds = Array.from({ length: 20 }, (_, round) => round);

type Node = Pick<SluiceClient, 'submit' | 'readDocument'>;

/** A node that could not look for the document, as no connection was free for two seconds, has begun nothing: it is asked again. */
function patient(node: SluiceClient): Node {
  return {
    readDocument: (resource, documentId) => node.readDocument(resource, documentId),
    async submit(request) {
      for (;;) {
        try {
          return await node.submit(request);
        } catch (error) {
          if (!(error instanceof SluiceError) || error.code !== 'database_unavailable') throw error;
        }
      }
    },
  };
}

/** `created`, or the code of a refusal. Only a document that is not there may be told by an exception. */
async function answerOf(submitted: Promise<Outcome>): Promise<string> {
  try {
    const { result, code } = await submitted;
    return code ?? result;
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'document_not_found') return error.code;
    throw error;
  }
}

describe.each(modes.map((mode) => [mode]))('beside a node in %s mode', (mode: Mode) => {
  const database = useDatabase();

  /** Two writers, a coordinated node, and the other. */
  async function setup(): Promise<{ world: World; near: Node; far: Node }> {
    const world = await startWorld(database.url, {
      nodes: 0,
      writers: 2,
    });
    return { world, near: patient(await world.startNode()), far: patient(await world.startNode({ mode })) };
  }

  /** Submits both at once, each time from the other node first. */
  async function race(
    { near, far }: { near: Node; far: Node },
    round: number,
    one: WriteRequest,
    other: WriteRequest,
  ): Promise<[string, string]> {
    const [first, second] = round % 2 === 0 ? [near, far] : [far, near];
    return Promise.all([answerOf(first.submit(one)), answerOf(second.submit(other))]);
  }

  /** Each reference of each enrolment is in its row, and leads to the school that its body names. */
  async function expectSound(world: World): Promise<void> {
    const dangling = await world.sql(`
      select e.body
      from sluice.document e
      left join sluice.reference r on r.document_id = e.document_id
      left join sluice.alias a on a.referential_id = r.referential_id
      left join sluice.document s on s.document_id = a.document_id
      where e.resource = 'test/enrolments'
        and s.body->'schoolId' is distinct from e.body#>'{schoolReference,schoolId}'`);
    expect(dangling).toEqual([]);
    expect(await world.sql('select from sluice.dead_letter')).toEqual([]);
    expect(await world.sql('select from sluice.intake')).toEqual([]);
  }

  const bodyOf = async (node: Node, name: Name, { documentId }: Outcome): Promise<unknown> =>
    JSON.parse((await node.readDocument(resource(name), documentId!))?.body ?? 'null');

  test('of concurrent writes to a new identity, one creates it, and the others update or change nothing', async () => {
    const { world, near, far } = await setup();
    await Promise.all(
      rounds.map(async (round) => {
        const noteId = fresh();
        const same = upsert('notes', { noteId, text: 'same' });
        const answers = await Promise.all([
          race({ near, far }, round, same, same),
          race({ near, far }, round + 1, same, upsert('notes', { noteId, text: 'other' })),
        ]);
        const results = answers.flat();
        expect(results.filter((result) => result === 'created')).toHaveLength(1);
        expect(results.filter((result) => !['created', 'updated', 'unchanged'].includes(result))).toEqual([]);
        const stored = await world.sql(
          `select version::int from sluice.document where body->>'noteId' = $1 and resource = 'test/notes'`,
          [String(noteId)],
        );
        const changes = results.filter((result) => result !== 'unchanged').length;
        expect(stored).toEqual([{ version: changes }]);
      }),
    );
    await expectSound(world);
  });

  test('an update and a delete of one document are applied in one order or the other', async () => {
    const { world, near, far } = await setup();
    await Promise.all(
      rounds.map(async (round) => {
        const noteId = fresh();
        const note = await near.submit(upsert('notes', { noteId }));
        const [updated, deleted] = await race(
          { near, far },
          round,
          put('notes', note, { noteId, text: 'x' }),
          del('notes', note),
        );
        expect(deleted).toBe('deleted');
        expect(['updated', 'document_not_found']).toContain(updated);
        expect(await bodyOf(near, 'notes', note)).toBeNull();
      }),
    );
    await expectSound(world);
  });

  test('an upsert beside a delete updates the document before it, or creates it after', async () => {
    const { world, near, far } = await setup();
    await Promise.all(
      rounds.map(async (round) => {
        const noteId = fresh();
        const note = await near.submit(upsert('notes', { noteId }));
        const again = upsert('notes', { noteId, text: 'x' });
        const [upserted, deleted] = await race({ near, far }, round, again, del('notes', note));
        expect(deleted).toBe('deleted');
        expect(['updated', 'created']).toContain(upserted);
        expect(await near.submit(again)).toMatchObject({
          result: upserted === 'created' ? 'unchanged' : 'created',
        });
      }),
    );
    await expectSound(world);
  });

  test('of a delete and a new reference to the document, one is refused', async () => {
    const { world, near, far } = await setup();
    await Promise.all(
      rounds.map(async (round) => {
        const schoolId = fresh();
        const school = await near.submit(upsert('schools', { schoolId }));
        const [referred, deleted] = await race(
          { near, far },
          round,
          upsert('enrolments', enrolment(fresh(), schoolId)),
          del('schools', school),
        );
        expect([
          ['created', 'document_referenced'],
          ['unresolved_reference', 'deleted'],
        ]).toContainEqual([referred, deleted]);
      }),
    );
    await expectSound(world);
  });

  test('of two documents of one superclass identity, one is created', async () => {
    const { world, near, far } = await setup();
    await Promise.all(
      rounds.map(async (round) => {
        const id = fresh();
        const answers = await race(
          { near, far },
          round,
          upsert('schools', { schoolId: id }),
          upsert('districts', { districtId: id }),
        );
        expect(answers.toSorted()).toEqual(['created', 'identity_conflict']);
      }),
    );
    await expectSound(world);
  });

  test('of a change of identity and an update on one version, one is applied', async () => {
    const { world, near, far } = await setup();
    await Promise.all(
      rounds.map(async (round) => {
        const [schoolId, renamed] = [fresh(), fresh()];
        const school = await near.submit(upsert('schools', { schoolId }));
        const answers = await race(
          { near, far },
          round,
          put('schools', school, { schoolId: renamed }, school.contentHash),
          put('schools', school, { schoolId, text: 'x' }, school.contentHash),
        );
        expect(answers.toSorted()).toEqual(['precondition_failed', 'updated']);
        expect(await bodyOf(near, 'schools', school)).toEqual(
          answers[0] === 'updated' ? { schoolId: renamed } : { schoolId, text: 'x' },
        );
      }),
    );
    await expectSound(world);
  });

  test('a cascade and a write of a document that it reaches leave one of two orders', async () => {
    const { world, near, far } = await setup();
    await Promise.all(
      rounds.map(async (round) => {
        const [schoolId, renamed, enrolmentId] = [fresh(), fresh(), fresh()];
        const school = await near.submit(upsert('schools', { schoolId }));
        const before = await near.submit(upsert('enrolments', enrolment(enrolmentId, schoolId)));
        const isConditional = round % 4 < 2;
        const [cascade, written] = await race(
          { near, far },
          round,
          put('schools', school, { schoolId: renamed }),
          put(
            'enrolments',
            before,
            enrolment(enrolmentId, schoolId, 'x'),
            isConditional ? before.contentHash : null,
          ),
        );
        expect(cascade).toBe('updated');
        expect(['updated', isConditional ? 'precondition_failed' : 'unresolved_reference']).toContain(
          written,
        );
        expect(await bodyOf(near, 'enrolments', before)).toEqual(
          enrolment(enrolmentId, renamed, written === 'updated' ? 'x' : ''),
        );
      }),
    );
    await expectSound(world);
  });

  test('of 200 conditional updates of one version, one is applied', async () => {
    const { near, far } = await setup();
    const noteId = fresh();
    const note = await near.submit(upsert('notes', { noteId }));
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, text) =>
        answerOf((text % 2 ? near : far).submit(put('notes', note, { noteId, text }, note.contentHash))),
      ),
    );
    expect(answers.filter((answer) => answer === 'updated')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'precondition_failed')).toHaveLength(199);
    expect(await bodyOf(near, 'notes', note)).toEqual({ noteId, text: answers.indexOf('updated') });
  });

  test('many kinds of concurrent writes follow the rules, and leave no dangling reference', async () => {
    const { world, near, far } = await setup();
    const schoolIds = Array.from({ length: 4 }, fresh);
    const enrolmentIds = Array.from({ length: 6 }, fresh);
    const schools = await Promise.all(
      schoolIds.map((schoolId) => near.submit(upsert('schools', { schoolId }))),
    );
    const rng = new Rng(20_260_101);
    const draw = <T>(choices: readonly T[]): T => rng.pick(choices);
    const requests = Array.from({ length: 240 }, (_, index): WriteRequest => {
      const schoolId = draw(schoolIds);
      const school = draw(schools);
      return draw([
        () => upsert('enrolments', enrolment(draw(enrolmentIds), schoolId, `x${index}`)),
        () => upsert('enrolments', enrolment(draw(enrolmentIds), schoolId, `x${index}`)),
        () => upsert('schools', { schoolId, text: `x${index}` }),
        () => upsert('districts', { districtId: schoolId }),
        () => put('schools', school, { schoolId, text: `y${index}` }),
        () => del('schools', school),
      ])();
    });
    const answers = await Promise.all(
      requests.map((request, index) => answerOf((index % 2 ? near : far).submit(request))),
    );
    const defined = [
      'created',
      'updated',
      'unchanged',
      'deleted',
      'document_not_found',
      'document_referenced',
      'identity_conflict',
      'unresolved_reference',
    ];
    expect(answers.filter((answer) => !defined.includes(answer))).toEqual([]);
    await expectSound(world);
  });
});
