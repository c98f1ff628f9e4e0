// What a node tells of writes while they are blocked: what each of them awaits, and since when.

import { expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { enrolment, fresh, friend, startWorld, upsert, type World } from '../support/world.ts';

const database = useDatabase();
const wait = { waitForReferencesSeconds: 60 };

const untilState = async (world: World, writeId: string, state: string) =>
  eventually(async () => {
    const found = await world.node.readWrite('', writeId);
    expect(found).toMatchObject({ state });
    return found!;
  });

test('a blocked write shows what it awaits, where that is, and since when', async () => {
  const world = await startWorld(database.url);
  const [schoolId, noteId, enrolmentId] = [fresh(), fresh(), fresh()];
  const before = Date.now();
  const { writeId } = await world.node.accept(
    upsert('enrolments', enrolment(enrolmentId, schoolId, [noteId]), wait),
  );
  await untilState(world, writeId, 'blocked');
  const { awaits } = (await world.node.readWrite('', writeId))!;
  expect(awaits).toHaveLength(2);
  expect(awaits).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        kind: 'reference',
        resource: 'School',
        path: '$.schoolReference',
        isPending: false,
      }),
      expect.objectContaining({
        kind: 'reference',
        resource: 'Note',
        path: '$.remarks[0].noteReference',
        isPending: false,
      }),
    ]),
  );
  for (const { since } of awaits) {
    expect(since).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(Math.abs(Date.parse(since) - before)).toBeLessThan(10_000);
  }

  // What has come is no longer awaited; what is settled awaits nothing.
  await world.submit(upsert('schools', { schoolId }));
  await eventually(async () =>
    expect((await world.node.readWrite('', writeId))!.awaits).toMatchObject([{ resource: 'Note' }]),
  );
  await world.submit(upsert('notes', { noteId }));
  await untilState(world, writeId, 'settled');
  expect((await world.node.readWrite('', writeId))!.awaits).toEqual([]);
});

test('a write that is blocked by an earlier one shows that it awaits it', async () => {
  const world = await startWorld(database.url);
  const [friendId, other] = [fresh(), fresh()];
  const first = await world.node.accept(upsert('friends', friend(friendId, other), wait));
  await untilState(world, first.writeId, 'blocked');
  const second = await world.node.accept(upsert('friends', friend(friendId)));
  await untilState(world, second.writeId, 'blocked');
  // Each blocked write awaits a document whose write is in the intake.
  const third = await world.node.accept(upsert('friends', friend(fresh(), friendId)));
  await untilState(world, third.writeId, 'blocked');

  const states = await world.node.readWrites('', [first.writeId, second.writeId, third.writeId]);
  const awaitsOf = (writeId: string) => states.find((state) => state.writeId === writeId)!.awaits;
  expect(awaitsOf(first.writeId)).toMatchObject([
    { kind: 'reference', resource: 'Friend', path: '$.knows[0].friendReference', isPending: false },
  ]);
  expect(awaitsOf(second.writeId)).toEqual([
    { awaitedId: first.writeId, since: expect.any(String), kind: 'predecessor', isPending: true },
  ]);
  expect(awaitsOf(third.writeId)).toMatchObject([
    { kind: 'reference', resource: 'Friend', path: '$.knows[0].friendReference', isPending: true },
  ]);
  await world.submit(upsert('friends', friend(other)));
  await untilState(world, third.writeId, 'settled');
});

test('what a blocked write awaits is shown to its client alone', async () => {
  const world = await startWorld(database.url);
  const { writeId } = await world.node.accept(
    upsert('enrolments', enrolment(fresh(), fresh()), { ...wait, client: 'one' }),
  );
  await eventually(async () =>
    expect(await world.node.readWrite('one', writeId)).toMatchObject({ state: 'blocked' }),
  );
  expect(await world.node.readWrites('other', [writeId])).toEqual([]);
});
