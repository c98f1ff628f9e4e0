// The way of a write makes no difference to its answer.

import type { SluiceClient, WriteRequest } from 'sluice/internal/client';
import { modes, type Mode, type Outcome } from 'sluice/internal/protocol';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import {
  enrolment,
  fresh,
  friend,
  remove,
  startWorld,
  untilCancelled,
  update,
  upsert,
} from '../support/world.ts';

const database = useDatabase();

/** What there is to an answer beside ids of its own; what was thrown counts as well. */
async function answerOf(submitted: Promise<Outcome>): Promise<Record<string, unknown>> {
  try {
    const { result, code, version, contentHash, detail, resource } = await submitted;
    const missing = detail?.missing?.map(({ resource, path }) => ({ resource, path }));
    return { result, code, version, contentHash, resource, missing, referredBy: detail?.referredBy };
  } catch (error) {
    return { thrown: (error as { code: string }).code };
  }
}

/** The same script of writes for each mode, over numbers of its own. */
async function play(node: SluiceClient, base: number): Promise<unknown[]> {
  const answers: unknown[] = [];
  const submit = async (request: WriteRequest): Promise<Outcome> => {
    const submitted = node.submit(request);
    answers.push(await answerOf(submitted));
    return submitted;
  };
  const school = { schoolId: base };
  const created = await submit(upsert('schools', school));
  await submit(upsert('schools', school));
  await submit(upsert('schools', { ...school, name: 'x' }, { ifMatch: created.contentHash! }));
  await submit(upsert('schools', { ...school, name: 'y' }, { ifMatch: created.contentHash! }));
  await submit(upsert('districts', { districtId: base }));
  await submit(upsert('enrolments', enrolment(base, base + 1, [base + 2])));
  const enrolled = await submit(upsert('enrolments', enrolment(base, base)));
  await submit(remove('schools', created.documentId!));
  await submit(update('enrolments', enrolled.documentId!, enrolment(base + 5, base)));
  const keyed = upsert('notes', { noteId: base, text: 'k' }, { idempotencyKey: `key ${base}`, client: 'c' });
  await submit(keyed);
  await submit(keyed);
  await submit({ ...keyed, body: JSON.stringify({ noteId: base, text: 'l' }) }).catch(() => undefined);
  answers.push(
    await answerOf(
      node.submit(upsert('friends', friend(base + 7, base + 8), { waitForReferencesSeconds: 0.2 })),
    ),
  );
  const doomed = await submit(upsert('notes', { noteId: base + 3 }));
  await submit(remove('notes', doomed.documentId!));
  await submit(remove('notes', doomed.documentId!)).catch(() => undefined);
  await submit({ ...upsert('notes', {}), body: `{"noteId": ${base + 4}, "text": "\\ud800"}` }).catch(
    () => undefined,
  );
  return answers;
}

describe('the modes', () => {
  test('the modes give identical answers to the same writes', async () => {
    const world = await startWorld(database.url, { nodes: 0 });
    const script: Record<string, unknown[]> = {};
    const ways = [
      ...modes.map((mode) => ({ name: mode, mode })),
      { name: 'fast path', fastPathWritesMax: 64 },
    ];
    for (const [index, { name, ...options }] of ways.entries()) {
      const node = await world.startNode(options);
      // Bodies hold numbers of their own, and with them hashes; those of one number of digits differ in nothing else.
      script[name] = (await play(node, 1000 + 100 * index)).map(withoutHashes);
    }
    expect(script['fast path']).toEqual(script['direct']);
    expect(script['local']).toEqual(script['direct']);
    expect(script['coordinated']).toEqual(script['direct']);
    expect(script['direct']).toMatchObject([
      { result: 'created' },
      { result: 'unchanged' },
      { result: 'updated' },
      { code: 'precondition_failed' },
      { code: 'identity_conflict' },
      { code: 'unresolved_reference' },
      { result: 'created' },
      { code: 'document_referenced' },
      { code: 'immutable_identity' },
      { result: 'created' },
      { result: 'created' },
      { thrown: 'idempotency_key_reused' },
      { code: 'unresolved_reference' },
      { result: 'created' },
      { result: 'deleted' },
      { thrown: 'document_not_found' },
      { thrown: 'invalid_json' },
    ]);
  });

  test('the modes work side by side on one database', async () => {
    const world = await startWorld(database.url, { nodes: 0 });
    const nodes = await Promise.all(modes.map((mode) => world.startNode({ mode })));
    const noteIds = Array.from({ length: 5 }, fresh);
    const writes = 60;
    const outcomes = await Promise.all(
      Array.from({ length: writes }, (_, index) =>
        nodes[index % 3]!.submit(upsert('notes', { noteId: noteIds[index % 5], text: String(index) })),
      ),
    );
    expect(outcomes.filter(({ code }) => code !== null)).toEqual([]);
    // Each document was created once and each version given once.
    const versions = await world.sql(
      `select document_id, array_agg(version::int order by version) as versions,
              count(*) filter (where result = 'created')::int as created
       from sluice.outcome where write_id = any($1) group by document_id`,
      [outcomes.map(({ writeId }) => writeId)],
    );
    expect(versions).toHaveLength(5);
    for (const row of versions) {
      expect(row).toMatchObject({
        created: 1,
        versions: Array.from({ length: writes / 5 }, (_, index) => index + 1),
      });
    }
  });

  test.each(modes)(
    'in %s mode, a write that cannot be settled in time is cancelled for good',
    async (mode: Mode) => {
      const world = await startWorld(database.url, { nodes: 0 });
      const node = await world.startNode({ mode });
      const outcome = await untilCancelled(
        node,
        upsert('enrolments', enrolment(fresh(), 99_999), { waitForReferencesSeconds: 60 }),
      );
      expect(await node.readWrite('', outcome.writeId)).toMatchObject({ state: 'settled', outcome });
    },
  );

  test.each(modes)(
    'in %s mode, a write comes after those that were accepted before it',
    async (mode: Mode) => {
      const world = await startWorld(database.url, { writers: 0 });
      const node = await world.startNode({ mode });
      const [first, second, third] = [fresh(), fresh(), fresh()];
      const accept = async (noteId: number) =>
        (await world.node.accept(upsert('notes', { noteId, text: 'accepted' }))).writeId;
      // By its identity; by the id that it is about to be created under; and to be deleted.
      const accepted = [await accept(first), await accept(second), await accept(third)];
      const later = [
        node.submit(upsert('notes', { noteId: first, text: 'later' })),
        node.submit(update('notes', accepted[1]!, { noteId: second, text: 'later' })),
        node.submit(remove('notes', accepted[2]!)),
      ];
      await world.startWriter();
      expect(await Promise.all(later)).toMatchObject([
        { result: 'updated', version: 2, documentId: accepted[0] },
        { result: 'updated', version: 2, documentId: accepted[1] },
        { result: 'deleted', documentId: accepted[2] },
      ]);
      for (const writeId of accepted) {
        expect(await world.node.readWrite('', writeId)).toMatchObject({
          outcome: { result: 'created', version: 1 },
        });
      }
    },
  );

  test.each(['direct', 'local'] as const)(
    'in %s mode, a write waits for nothing that was accepted after it',
    async (mode) => {
      const world = await startWorld(database.url, { writers: 0 });
      let waits = 0;
      const observer = {
        answered: () => undefined,
        failed: () => undefined,
        inserted: () => undefined,
        taken: () => undefined,
        completed: () => undefined,
        settled: ({ blocked }: { blocked: unknown[] }) => void (waits += blocked.length),
      };
      const node = await world.startNode({ mode, observer });
      const noteId = fresh();
      const { writeId: before } = await world.node.accept(upsert('notes', { noteId, text: 'before' }));
      const submitted = node.submit(upsert('notes', { noteId, text: 'own' }));
      await eventually(() => expect(waits).toBeGreaterThan(0));
      await world.node.accept(upsert('notes', { noteId, text: 'after' }));
      // As if it had been settled.
      await world.sql('delete from sluice.intake where write_id = $1', [before]);
      expect(await submitted).toMatchObject({ result: 'created', version: 1 });
      await world.startWriter();
    },
  );

  test.each(modes)('in %s mode, a stopping node answers what it has taken', async (mode: Mode) => {
    const world = await startWorld(database.url, { nodes: 0 });
    const node = await world.startNode({ mode });
    const outcomes = Array.from({ length: 50 }, () => node.submit(upsert('notes', { noteId: fresh() })));
    await node.stop();
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ result: 'created' });
  });
});

function withoutHashes(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(withoutHashes);
  const { contentHash, ...rest } = answer as Record<string, unknown>;
  return { ...rest, hasContentHash: typeof contentHash === 'string' };
}
