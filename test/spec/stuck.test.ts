// What an operator sees of waiting writes and of dead letters, and what becomes of them by a retry or a discard.

import {
  discardWrites,
  explainWrite,
  listStuck,
  pauseLanes,
  readAudit,
  resumeLanes,
  retryWrites,
  showWrite,
  type StuckWrite,
} from 'sluice/operator';
import { defaults, setFailpoint } from 'sluice/internal/protocol';
import { Database } from 'sluice/internal/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import {
  enrolment,
  fresh,
  freshIn,
  friend,
  laneOfWrite,
  startWorld,
  upsert,
  type World,
} from '../support/world.ts';

const database = useDatabase();
const actor = 'a test';
const allLanes = Array.from({ length: defaults.lanes }, (_, lane) => lane);

async function setup(): Promise<{ world: World; operator: Database }> {
  const world = await startWorld(database.url);
  const operator = new Database({ url: database.opsUrl, applicationName: 'sluice test', connectionsMax: 2 });
  onTestFinished(() => operator.close());
  onTestFinished(async () => {
    await world.sql('truncate sluice.intake, sluice.awaited, sluice.dead_letter');
  });
  return { world, operator };
}

/** Makes documents with a member `poison` impossible, until the function it gives is called. */
async function poison(world: World): Promise<() => Promise<void>> {
  await world.sql(`
    create or replace function public.refuse_poison() returns trigger language plpgsql as
    $$ begin raise exception 'no' using errcode = 'P0001'; end $$`);
  await world.sql(`
    create or replace trigger refuse_poison before insert or update on sluice.document for each row
    when (new.body ? 'poison') execute function public.refuse_poison()`);
  const cure = async (): Promise<void> => {
    await world.sql('drop trigger if exists refuse_poison on sluice.document');
  };
  onTestFinished(cure);
  return cure;
}

describe('a blocked write', () => {
  test('a blocked write is listed with what it awaits, by name where a model is given', async () => {
    const { world, operator } = await setup();
    const schoolId = fresh();
    const { writeId } = await world.node.accept(
      upsert('enrolments', enrolment(fresh(), schoolId), { waitForReferencesSeconds: 600, client: 'loader' }),
    );
    const { writes } = await eventually(async () => {
      const list = await listStuck(operator, { reason: 'blocked' }, {}, model);
      expect(list.writes).toHaveLength(1);
      return list;
    });
    expect(writes).toMatchObject([
      {
        writeId,
        reason: 'blocked',
        client: 'loader',
        resource: 'test/enrolments',
        awaitsCount: 1,
        awaits: [
          {
            kind: 'reference',
            standing: 'never_seen',
            resource: 'School',
            identity: `schoolId=${schoolId}`,
            path: '$.schoolReference',
          },
        ],
      },
    ]);
    expect(explainWrite(writes[0]!)).toBe(
      `waits for School (schoolId=${schoolId}), which has not been submitted`,
    );
    const anonymous = await listStuck(operator, { client: 'loader' });
    expect(anonymous.writes).toMatchObject([{ writeId, awaits: [{ resource: null, identity: null }] }]);
  });

  test('a blocked write shows the chain of what it awaits, to its end', async () => {
    const { world, operator } = await setup();
    const [first, second, third, missing] = [fresh(), fresh(), fresh(), fresh()];
    const waits = { waitForReferencesSeconds: 600 };
    const ids: string[] = [];
    for (const [id, knows] of [
      [first, missing],
      [second, first],
      [third, second],
    ] as const) {
      ids.push((await world.node.accept(upsert('friends', friend(id, knows), waits))).writeId);
    }
    const shown = await eventually(async () => {
      const write = await showWrite(operator, ids[2]!, model);
      expect(write.chain).toHaveLength(3);
      return write;
    });
    expect(shown.chain).toMatchObject([
      {
        depth: 1,
        blockedId: ids[2],
        standing: 'blocked',
        identity: `friendId=${second}`,
        provider: { writeId: ids[1] },
      },
      {
        depth: 2,
        blockedId: ids[1],
        standing: 'blocked',
        identity: `friendId=${first}`,
        provider: { writeId: ids[0] },
      },
      {
        depth: 3,
        blockedId: ids[0],
        standing: 'never_seen',
        identity: `friendId=${missing}`,
        provider: null,
      },
    ]);
  });

  test('a blocked write shows the state of the write that it awaits, and why that waits itself', async () => {
    const { world, operator } = await setup();
    const schoolId = fresh();
    const lane = laneOfWrite(upsert('schools', { schoolId }));
    const elsewhere = allLanes.filter((other) => other !== lane);
    const enrolmentId = freshIn(elsewhere, (id) => upsert('enrolments', enrolment(id, schoolId)));
    await pauseLanes(operator, [lane], actor);
    onTestFinished(async () => void (await resumeLanes(operator, [lane], actor)));
    const school = await world.node.accept(upsert('schools', { schoolId }));
    const child = await world.node.accept(upsert('enrolments', enrolment(enrolmentId, schoolId)));
    const later = await world.node.accept(upsert('enrolments', enrolment(enrolmentId, schoolId, [])));
    const find = async (writeId: string): Promise<StuckWrite | undefined> =>
      (await listStuck(operator, { reason: 'blocked' })).writes.find((write) => write.writeId === writeId);
    await eventually(async () => expect(await find(later.writeId)).toBeDefined());
    const pending = { writeId: school.writeId, lane, resource: 'test/schools', reason: 'lane_paused' };
    expect((await find(child.writeId))?.awaits).toMatchObject([
      { kind: 'reference', standing: 'pending', resource: 'test/schools', provider: pending },
    ]);
    const { awaits } = (await find(later.writeId))!;
    expect(awaits.find(({ kind }) => kind === 'predecessor')).toMatchObject({
      awaitedId: child.writeId,
      standing: 'blocked',
      provider: { writeId: child.writeId, reason: 'blocked' },
    });
  });

  test('a blocked write shows the outcome of a write that would have provided what it awaits', async () => {
    const { world, operator } = await setup();
    const [first, second, missing] = [fresh(), fresh(), fresh()];
    const waits = { waitForReferencesSeconds: 600 };
    const provider = await world.node.accept(upsert('friends', friend(first, missing), waits));
    const { writeId } = await world.node.accept(upsert('friends', friend(second, first), waits));
    await eventually(async () =>
      expect((await showWrite(operator, writeId)).chain).toMatchObject([{ standing: 'blocked' }, {}]),
    );
    await discardWrites(operator, { writeIds: [provider.writeId] }, { actor });
    const shown = await eventually(async () => {
      const write = await showWrite(operator, writeId);
      expect(write.chain).toMatchObject([{ standing: 'refused', provider: null }]);
      expect(write.stuck?.awaits).toMatchObject([{ standing: 'refused' }]);
      return write;
    });
    expect(explainWrite(shown.stuck!)).toContain('which was refused or not applied');
  });

  test('a blocked write that is discarded is settled, and no longer awaited, and its client is told', async () => {
    const { world, operator } = await setup();
    const [first, second, missing] = [fresh(), fresh(), fresh()];
    const waits = { waitForReferencesSeconds: 600 };
    const answer = world.submit(upsert('friends', friend(first, missing), waits));
    const follower = world.submit(upsert('friends', friend(second, first)));
    await eventually(async () =>
      expect((await listStuck(operator, { reason: 'blocked' })).writes).toHaveLength(2),
    );
    const { writes } = await listStuck(operator, { reason: 'blocked' });
    const provider = writes.find(({ referenceDeadline }) => referenceDeadline !== null)!;
    const target = { writeIds: [provider.writeId] };
    expect(await discardWrites(operator, target, { actor, dryRun: true })).toMatchObject({ discarded: 1 });
    expect(await discardWrites(operator, target, { actor })).toMatchObject({
      matched: 1,
      discarded: 1,
      settledElsewhere: 0,
    });
    expect(await answer).toMatchObject({ result: 'not_applied', code: 'discarded' });
    expect(await follower).toMatchObject({ result: 'refused', code: 'unresolved_reference' });
    expect(await discardWrites(operator, target, { actor })).toMatchObject({ matched: 0, notFound: 1 });
    expect(await readAudit(operator, { limit: 1 })).toMatchObject([
      { action: 'discard', actor, writes: 1, writeIds: [provider.writeId] },
    ]);
  });
});

describe('a dead letter', () => {
  test('a dead letter is listed with its error and its attempts, and nothing of the document', async () => {
    const { world, operator } = await setup();
    await poison(world);
    const { writeId } = await world.submit(upsert('notes', { noteId: fresh(), poison: 'a secret' }));
    const list = await listStuck(operator, { reason: 'dead_letter' });
    expect(list.writes).toMatchObject([
      { writeId, reason: 'dead_letter', error: { code: 'P0001' }, attempts: 3 },
    ]);
    expect(JSON.stringify(list)).not.toContain('secret');
    expect(explainWrite(list.writes[0]!)).toContain('error P0001, attempt 3');
  });

  test('a retried dead letter becomes a new write, and its old outcome stays', async () => {
    const { world, operator } = await setup();
    const cure = await poison(world);
    const noteId = fresh();
    const { writeId } = await world.submit(upsert('notes', { noteId, poison: true }, { client: 'a' }));
    await cure();
    const matching = { reason: 'dead_letter', client: 'a' } as const;
    expect(await retryWrites(operator, { matching }, { actor, dryRun: true })).toMatchObject({ retried: 1 });
    const report = await retryWrites(operator, { matching }, { actor });
    expect(report).toMatchObject({ matched: 1, retried: 1, refused: {} });
    const newId = report.writes[0]!.newWriteId!;
    await eventually(async () =>
      expect(await world.node.readWrite('a', newId)).toMatchObject({ outcome: { result: 'created' } }),
    );
    expect(await world.node.readWrite('a', writeId)).toMatchObject({ outcome: { code: 'dead_letter' } });
    const none = { matched: 0, notFound: 1 };
    for (const dryRun of [true, false]) {
      const report = await retryWrites(operator, { writeIds: [writeId] }, { actor, dryRun });
      expect(report).toMatchObject({ ...none, retried: 0, refused: {} });
      expect(report.writes).toEqual([{ writeId, newWriteId: null, refusal: 'not_a_dead_letter' }]);
      expect(await discardWrites(operator, { writeIds: [writeId] }, { actor, dryRun })).toMatchObject(none);
    }
  });

  test('a dead letter is not retried over a document that has changed since, unless forced', async () => {
    const { world, operator } = await setup();
    const cure = await poison(world);
    const noteId = fresh();
    await world.submit(upsert('notes', { noteId, text: 'before' }));
    const { writeId } = await world.submit(upsert('notes', { noteId, poison: true }));
    await cure();
    const { documentId } = await world.submit(upsert('notes', { noteId, text: 'after' }));
    const target = { writeIds: [writeId] };
    for (const dryRun of [true, false]) {
      expect(await retryWrites(operator, target, { actor, dryRun })).toMatchObject({
        retried: 0,
        refused: { document_changed: 1 },
      });
    }
    expect(await retryWrites(operator, target, { actor, force: true })).toMatchObject({ retried: 1 });
    await eventually(async () => {
      const document = await world.node.readDocument(upsert('notes', {}).resource, documentId!);
      expect(JSON.parse(document!.body)).toEqual({ noteId, poison: true });
    });
  });

  test('a dead letter is retried over an unchanged document, and only over that', async () => {
    const { world, operator } = await setup();
    const cure = await poison(world);
    const noteId = fresh();
    const { documentId } = await world.submit(upsert('notes', { noteId, text: 'before' }));
    const { writeId } = await world.submit(upsert('notes', { noteId, poison: true }));
    await cure();
    const lane = laneOfWrite(upsert('notes', { noteId }));
    await pauseLanes(operator, [lane], actor);
    onTestFinished(async () => void (await resumeLanes(operator, [lane], actor)));
    // A node that knows no lanes has looked for what comes first before the retry, and commits after it.
    const direct = await world.startNode({ mode: 'direct' });
    let report: Awaited<ReturnType<typeof retryWrites>> | undefined;
    setFailpoint('facts_read', async (lanes) => {
      if (lanes.length === 0) report = await retryWrites(operator, { writeIds: [writeId] }, { actor });
    });
    onTestFinished(() => setFailpoint('facts_read', null));
    await direct.submit(upsert('notes', { noteId, text: 'meanwhile' }));
    expect(report).toMatchObject({ retried: 1 });
    await resumeLanes(operator, [lane], actor);
    await eventually(async () =>
      expect(await world.node.readWrite('', report!.writes[0]!.newWriteId!)).toMatchObject({
        outcome: { code: 'precondition_failed' },
      }),
    );
    const document = await world.node.readDocument(upsert('notes', {}).resource, documentId!);
    expect(JSON.parse(document!.body)).toEqual({ noteId, text: 'meanwhile' });
  });

  test('a dead letter is not retried while another write to its document waits', async () => {
    const { world, operator } = await setup();
    const cure = await poison(world);
    const noteId = fresh();
    const { writeId } = await world.submit(upsert('notes', { noteId, poison: true }));
    await cure();
    const lane = laneOfWrite(upsert('notes', { noteId }));
    await pauseLanes(operator, [lane], actor);
    onTestFinished(async () => void (await resumeLanes(operator, [lane], actor)));
    await world.node.accept(upsert('notes', { noteId }));
    for (const dryRun of [true, false]) {
      const report = await retryWrites(operator, { writeIds: [writeId] }, { actor, dryRun });
      expect(report).toMatchObject({ retried: 0, refused: { document_pending: 1 } });
    }
  });

  test('a dead letter is listed at any age, and a waiting write only after some time', async () => {
    const { world, operator } = await setup();
    await poison(world);
    const { writeId } = await world.submit(upsert('notes', { noteId: fresh(), poison: true }));
    const waits = { waitForReferencesSeconds: 600 };
    await world.node.accept(upsert('friends', friend(fresh(), fresh()), waits));
    await eventually(async () => expect((await listStuck(operator)).writes).toHaveLength(2));
    const { writes } = await listStuck(operator, {}, { patienceSeconds: 600 });
    expect(writes).toMatchObject([{ writeId }]);
    expect((await listStuck(operator, { olderThanSeconds: 600 })).writes).toEqual([]);
  });

  test('a dead letter is removed by a discard', async () => {
    const { world, operator } = await setup();
    await poison(world);
    const { writeId } = await world.submit(upsert('notes', { noteId: fresh(), poison: true }));
    const report = await discardWrites(operator, { matching: { error: 'P0001' } }, { actor });
    expect(report).toMatchObject({ matched: 1, removed: 1, discarded: 0 });
    expect(await readAudit(operator, { limit: 1 })).toMatchObject([
      { action: 'discard', actor, writes: 1, writeIds: [writeId] },
    ]);
    expect((await showWrite(operator, writeId)).outcome).toMatchObject({ code: 'dead_letter' });
    expect((await listStuck(operator)).writes).toEqual([]);
  });
});

describe('the record of actions', () => {
  test('the record of actions cannot be changed', async () => {
    const { world } = await setup();
    for (const statement of [
      'update sluice.audit set actor = actor',
      'delete from sluice.audit',
      'truncate sluice.audit',
    ]) {
      await expect(world.sql(statement)).rejects.toMatchObject({ code: 'SL002' });
    }
  });
});
