// What one transaction settles: as much as can stand together, and nobody is refused because of a neighbour.

import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { WriteRequest } from 'sluice/internal/client';
import type { Outcome } from 'sluice/internal/protocol';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { enrolment, fresh, friend, startWorld, untilShared, upsert, type World } from '../support/world.ts';

const everyLane = Array.from({ length: 16 }, (_, lane) => lane);

describe.each(
  firstOrAll([
    { name: 'a batch', notifications: true },
    { name: 'a batch, without notifications', notifications: false },
  ]),
)('$name', ({ notifications }) => {
  const database = useDatabase();

  interface BatchWorld extends World {
    /** What the writer said of each batch. */
    reports: { settled: number; transactions: number; errors: string[] }[];
    /** Submits all of them so that one batch finds them. */
    together(requests: readonly WriteRequest[]): Promise<Outcome[]>;
  }

  async function setup(): Promise<BatchWorld> {
    const reports: BatchWorld['reports'] = [];
    const logger = pino(
      { level: 'debug' },
      {
        write(line: string) {
          const entry = JSON.parse(line) as Record<string, unknown>;
          if (entry['msg'] === 'batch') reports.push(entry as unknown as BatchWorld['reports'][number]);
        },
      },
    );
    const world = await startWorld(database.url, {
      client: { notifications },
      writer: { notifications, logger },
    });
    await untilShared(world.writers);
    return {
      ...world,
      node: world.node,
      reports,
      async together(requests) {
        const release = await world.pauseLanes(everyLane);
        const outcomes = requests.map((request) => world.submit(request));
        await untilInIntake(world, requests.length);
        await release();
        return Promise.all(outcomes);
      },
    };
  }

  async function untilInIntake(world: World, count: number): Promise<void> {
    await expect
      .poll(() => world.sql('select count(*)::int as n from sluice.intake'), { interval: 20 })
      .toEqual([{ n: count }]);
  }

  async function batchesOf(world: World, outcomes: readonly Outcome[]): Promise<number> {
    const [row] = await world.sql(
      'select count(distinct batch_id)::int as n from sluice.outcome where write_id = any($1)',
      [outcomes.map(({ writeId }) => writeId)],
    );
    return row!['n'] as number;
  }

  const results = (outcomes: readonly Outcome[]): string[] =>
    outcomes.map(({ result, code }) => code ?? result);

  test('a batch commits the others when one is refused', async () => {
    const world = await setup();
    const notes = Array.from({ length: 5 }, () => upsert('notes', { noteId: fresh() }));
    const refused = upsert('enrolments', enrolment(fresh(), fresh()));
    const outcomes = await world.together([...notes, refused]);
    expect(results(outcomes)).toEqual([...notes.map(() => 'created'), 'unresolved_reference']);
    expect(await batchesOf(world, outcomes)).toBe(1);
  });

  test('a batch settles a parent and its child, whichever came first', async () => {
    const world = await setup();
    const [schoolId, noteId] = [fresh(), fresh()];
    const outcomes = await world.together([
      upsert('enrolments', enrolment(fresh(), schoolId, [noteId])),
      upsert('schools', { schoolId }),
      upsert('notes', { noteId }),
    ]);
    expect(results(outcomes)).toEqual(['created', 'created', 'created']);
    expect(await batchesOf(world, outcomes)).toBe(1);
  });

  test('a batch settles a cycle of references in one commit', async () => {
    const world = await setup();
    const [a, b, c] = [fresh(), fresh(), fresh()];
    const outcomes = await world.together([
      upsert('friends', friend(a, b)),
      upsert('friends', friend(b, c)),
      upsert('friends', friend(c, a)),
      upsert('friends', friend(fresh(), a, b, c)),
    ]);
    expect(results(outcomes)).toEqual(['created', 'created', 'created', 'created']);
    expect(await batchesOf(world, outcomes)).toBe(1);
  });

  test('a batch refuses all of a cycle when one write of it is refused, and no others', async () => {
    const world = await setup();
    const [a, b, c] = [fresh(), fresh(), fresh()];
    const outcomes = await world.together([
      upsert('friends', friend(a, b)),
      upsert('friends', friend(b, c, fresh())),
      upsert('friends', friend(c, a)),
      upsert('friends', friend(fresh())),
    ]);
    const refused = 'unresolved_reference';
    expect(results(outcomes)).toEqual([refused, refused, refused, 'created']);
  });

  test('a refusal names resource and place of each missing reference', async () => {
    const world = await setup();
    const noteId = fresh();
    await world.submit(upsert('notes', { noteId }));
    const outcome = await world.submit(upsert('enrolments', enrolment(fresh(), fresh(), [noteId, fresh()])));
    expect(outcome).toMatchObject({ result: 'refused', code: 'unresolved_reference', documentId: null });
    expect(outcome.detail?.missing).toEqual([
      expect.objectContaining({ resource: 'School', path: '$.schoolReference' }),
      expect.objectContaining({ resource: 'Note', path: '$.remarks[1].noteReference' }),
    ]);
  });

  test('a batch folds several writes of one document into one row, each with its own answer', async () => {
    const world = await setup();
    const noteId = fresh();
    const outcomes = await world.together(
      ['a', 'b', 'b', 'c'].map((text) => upsert('notes', { noteId, text })),
    );
    expect(results(outcomes)).toEqual(['created', 'updated', 'unchanged', 'updated']);
    expect(new Set(outcomes.map(({ documentId }) => documentId)).size).toBe(1);
    const document = await world.node.readDocument(upsert('notes', {}).resource, outcomes[0]!.documentId!);
    expect(document).toMatchObject({ version: 3, contentHash: outcomes[3]!.contentHash });
    expect(JSON.parse(document!.body)).toEqual({ noteId, text: 'c' });
  });

  /** The database takes no document with `poison` in it. */
  async function refusePoison(world: World): Promise<void> {
    await world.sql(`
      create function public.refuse_poison() returns trigger language plpgsql as
      $$ begin raise exception 'no' using errcode = 'P0001'; end $$`);
    await world.sql(`
      create trigger refuse_poison before insert on sluice.document for each row
      when (new.body ? 'poison') execute function public.refuse_poison()`);
    onTestFinished(async () => {
      await world.sql('drop trigger refuse_poison on sluice.document');
      await world.sql('drop function public.refuse_poison');
    });
  }

  test('a batch that is tried in halves keeps the order of a document', async () => {
    const world = await setup();
    await refusePoison(world);
    const [a, b] = [fresh(), fresh()];
    const outcomes = await world.together([
      upsert('friends', friend(a, b)),
      upsert('friends', friend(b)),
      // Deferred by the first half, because the outcome of the first depends on the second.
      upsert('friends', friend(a)),
      upsert('notes', { noteId: fresh() }),
      upsert('friends', friend(a, b)),
      upsert('notes', { noteId: fresh(), poison: true }),
      upsert('notes', { noteId: fresh() }),
      upsert('notes', { noteId: fresh() }),
    ]);
    expect(outcomes.map(({ version, code }) => code ?? version)).toEqual([
      1,
      1,
      2,
      1,
      3,
      'dead_letter',
      1,
      1,
    ]);
  });

  test('a write that the database does not take fails alone', async () => {
    const world = await setup();
    await refusePoison(world);
    const count = 64;
    const poisoned = 37;
    const outcomes = await world.together(
      Array.from({ length: count }, (_, index) =>
        upsert('notes', { noteId: fresh(), ...(index === poisoned ? { poison: true } : {}) }),
      ),
    );
    expect(results(outcomes)).toEqual(
      Array.from({ length: count }, (_, index) => (index === poisoned ? 'dead_letter' : 'created')),
    );
    expect(outcomes[poisoned]!.detail).toEqual({ error: { code: 'P0001', constraint: null, table: null } });
    expect(
      await world.sql('select attempts, body ? $2 as has_body from sluice.dead_letter where write_id = $1', [
        outcomes[poisoned]!.writeId,
        'poison',
      ]),
    ).toEqual([{ attempts: 3, has_body: true }]);
    // Halving down to the one, its further tries alone, and its dead letter.
    const report = world.reports.find(({ settled }) => settled === count);
    expect(report?.transactions).toBeLessThanOrEqual(2 * Math.log2(count) + 4);
  });

  test('a batch rewrites no row of an unchanged document', async () => {
    const world = await setup();
    const [schoolId, enrolmentId] = [fresh(), fresh()];
    await world.submit(upsert('schools', { schoolId }));
    const first = await world.submit(upsert('enrolments', enrolment(enrolmentId, schoolId)));
    const rows = (): Promise<unknown> =>
      world.sql(
        `select d.xmin, r.xmin as reference_xmin, a.xmin as alias_xmin, d.version, d.modified_at
         from sluice.document d join sluice.reference r using (document_id) join sluice.alias a using (document_id)
         where document_id = $1`,
        [first.documentId],
      );
    const before = await rows();
    // The same document, its members in another order.
    const { remarks, ...rest } = enrolment(enrolmentId, schoolId) as Record<string, unknown>;
    const again = await world.submit(upsert('enrolments', { remarks, ...rest }));
    expect(again).toMatchObject({ result: 'unchanged', documentId: first.documentId, version: 1 });
    expect(await rows()).toEqual(before);
  });

  test('a batch refuses the second of two documents that are one to their superclass', async () => {
    const world = await setup();
    const id = fresh();
    const [school, district] = await world.together([
      upsert('schools', { schoolId: id }),
      upsert('districts', { districtId: id }),
    ]);
    expect(school).toMatchObject({ result: 'created' });
    expect(district).toMatchObject({
      result: 'refused',
      code: 'identity_conflict',
      detail: { conflictsWith: { documentId: school!.documentId, resource: 'test/schools' } },
    });
    expect(await world.submit(upsert('districts', { districtId: id }))).toMatchObject({
      code: 'identity_conflict',
    });
  });

  test('a node learns of more outcomes than one notification holds', async () => {
    const world = await setup();
    const outcomes = await world.together(
      Array.from({ length: 800 }, () => upsert('notes', { noteId: fresh() })),
    );
    expect(new Set(results(outcomes))).toEqual(new Set(['created']));
    expect(await batchesOf(world, outcomes)).toBe(2);
  });
});
