// Writes that wait for a document of another write in the intake, or until a deadline for one that no client has submitted.

import { describe, expect, test } from 'vitest';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import {
  enrolment,
  fresh,
  freshIn,
  friend,
  startWorld,
  untilCancelled,
  untilEven,
  upsert,
  type World,
  type WorldOptions,
} from '../support/world.ts';

describe.each(
  firstOrAll([
    { name: 'a blocked write', notifications: true },
    { name: 'a blocked write, without notifications', notifications: false },
  ]),
)('$name', ({ notifications }) => {
  const database = useDatabase();
  const setup = (options: WorldOptions = {}): Promise<World> =>
    startWorld(database.url, { client: { notifications }, writer: { notifications }, ...options });

  const untilState = (world: World, writeId: string, state: string): Promise<void> =>
    eventually(async () => expect(await world.node.readWrite('', writeId)).toMatchObject({ state }));

  const untilBlocked = (world: World, count: number): Promise<void> =>
    eventually(async () =>
      expect(
        await world.sql('select count(*)::int as n from sluice.intake where blocked_at is not null'),
      ).toEqual([{ n: count }]),
    );

  /** Two writers, and the lanes that each of them leads. */
  async function setupTwo(): Promise<{ world: World; near: number[]; far: number[] }> {
    const world = await setup({ writers: 2, writer: { notifications, spread: 'even' } });
    await untilEven(world.writers);
    const [near, far] = world.writers.map((writer) => writer.status().lanes);
    return { world, near: near!, far: far! };
  }

  test('a blocked write waits for a document that another leader is about to commit', async () => {
    const { world, near, far } = await setupTwo();
    const schoolId = freshIn(far, (id) => upsert('schools', { schoolId: id }));
    const enrolmentId = freshIn(near, (id) => upsert('enrolments', enrolment(id, schoolId)));
    const release = await world.holdLanes(far);
    const school = world.submit(upsert('schools', { schoolId }));
    await eventually(async () =>
      expect(await world.sql('select count(*)::int as n from sluice.intake')).toEqual([{ n: 1 }]),
    );
    const child = world.submit(upsert('enrolments', enrolment(enrolmentId, schoolId)));
    await untilBlocked(world, 1);
    await release();
    expect(await school).toMatchObject({ result: 'created' });
    expect(await child).toMatchObject({ result: 'created' });
    expect(await world.sql('select from sluice.awaited')).toEqual([]);
  });

  test('a blocked write is refused when the write that it awaits is refused elsewhere', async () => {
    const { world, near, far } = await setupTwo();
    const first = freshIn(far, (id) => upsert('friends', friend(id)));
    const second = freshIn(near, (id) => upsert('friends', friend(id)));
    const release = await world.holdLanes(far);
    const refused = world.submit(upsert('friends', friend(first, fresh())));
    await eventually(async () =>
      expect(await world.sql('select count(*)::int as n from sluice.intake')).toEqual([{ n: 1 }]),
    );
    const waiting = world.submit(upsert('friends', friend(second, first)));
    await untilBlocked(world, 1);
    await release();
    expect(await refused).toMatchObject({ code: 'unresolved_reference' });
    expect(await waiting).toMatchObject({ code: 'unresolved_reference' });
  });

  test('a blocked write waits for documents that no client has submitted yet, if asked to', async () => {
    const world = await setup();
    const [schoolId, noteId] = [fresh(), fresh()];
    const child = world.submit(
      upsert('enrolments', enrolment(fresh(), schoolId, [noteId]), { waitForReferencesSeconds: 30 }),
    );
    await untilBlocked(world, 1);
    await world.submit(upsert('schools', { schoolId }));
    await world.submit(upsert('notes', { noteId }));
    expect(await child).toMatchObject({ result: 'created' });
  });

  test('a blocked write is refused at its deadline with the names of the missing documents', async () => {
    const world = await setup();
    const schoolId = fresh();
    const child = world.submit(
      upsert('enrolments', enrolment(fresh(), schoolId, [fresh()]), { waitForReferencesSeconds: 4 }),
    );
    await untilBlocked(world, 1);
    await world.submit(upsert('schools', { schoolId }));
    const outcome = await child;
    expect(outcome).toMatchObject({ result: 'refused', code: 'unresolved_reference' });
    expect(outcome.detail?.missing).toEqual([
      expect.objectContaining({ resource: 'Note', path: '$.remarks[0].noteReference' }),
    ]);
    expect(await world.sql('select from sluice.awaited')).toEqual([]);
  });

  test('a blocked write blocks later writes of its document, and all are applied in order', async () => {
    const world = await setup();
    const [friendId, other] = [fresh(), fresh()];
    const first = world.submit(upsert('friends', friend(friendId, other), { waitForReferencesSeconds: 30 }));
    await untilBlocked(world, 1);
    const second = world.submit(upsert('friends', friend(friendId)));
    await untilBlocked(world, 2);
    const third = world.submit(upsert('friends', { ...friend(friendId), text: 'third' }));
    await untilBlocked(world, 3);
    // A stranger is not kept waiting.
    await world.submit(upsert('friends', friend(other)));
    expect(await first).toMatchObject({ result: 'created', version: 1 });
    expect(await second).toMatchObject({ result: 'updated', version: 2 });
    expect(await third).toMatchObject({ result: 'updated', version: 3 });
  });

  test('a blocked write is committed together with the writes of its cycle', async () => {
    const world = await setup();
    const [a, b, c] = [fresh(), fresh(), fresh()];
    const wait = { waitForReferencesSeconds: 30 };
    const first = world.submit(upsert('friends', friend(a, b), wait));
    await untilBlocked(world, 1);
    const second = world.submit(upsert('friends', friend(b, c), wait));
    await untilBlocked(world, 2);
    const third = world.submit(upsert('friends', friend(c, a), wait));
    const outcomes = await Promise.all([first, second, third]);
    expect(outcomes.map(({ result }) => result)).toEqual(['created', 'created', 'created']);
  });

  test('a blocked write still waits after its writer was replaced', async () => {
    const world = await setup();
    const schoolId = fresh();
    const { writeId } = await world.node.accept(
      upsert('enrolments', enrolment(fresh(), schoolId), { waitForReferencesSeconds: 60 }),
    );
    await untilState(world, writeId, 'blocked');
    await world.writers[0]!.stop();
    const { writeId: parentId } = await world.node.accept(upsert('schools', { schoolId }));
    await untilState(world, parentId, 'ready');
    await world.startWriter();
    await untilState(world, writeId, 'settled');
    expect(await world.node.readWrite('', writeId)).toMatchObject({ outcome: { result: 'created' } });
  });

  test('a blocked write can be cancelled like any other', async () => {
    const world = await setup();
    const schoolId = fresh();
    const outcome = await untilCancelled(
      world.node,
      upsert('enrolments', enrolment(fresh(), schoolId), { waitForReferencesSeconds: 60 }),
    );
    expect(await world.sql('select from sluice.awaited')).toEqual([]);
    await world.submit(upsert('schools', { schoolId }));
    expect(
      await world.sql(
        `select from sluice.document where resource = 'test/enrolments' and
      document_id in (select document_id from sluice.outcome where write_id = $1)`,
        [outcome.writeId],
      ),
    ).toEqual([]);
  });
});
