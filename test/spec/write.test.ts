// One write and its one definite answer.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { setFailpoint } from 'sluice/internal/protocol';
import { Database } from 'sluice/internal/store';
import type { WriteRequest } from 'sluice/internal/client';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { resource } from '../support/model.ts';
import {
  enrolment,
  fresh,
  remove,
  startWorld,
  untilCancelled,
  update,
  upsert,
  type World,
  type WorldOptions,
} from '../support/world.ts';

describe.each(
  firstOrAll([
    { name: 'a write', notifications: true },
    { name: 'a write, without notifications', notifications: false },
  ]),
)('$name', ({ notifications }) => {
  const database = useDatabase();
  const setup = (options: WorldOptions = {}): Promise<World> =>
    startWorld(database.url, {
      ...options,
      client: { notifications, ...options.client },
      writer: { notifications },
    });

  const untilTaken = (world: World, count: number): Promise<void> =>
    eventually(async () => {
      expect(await world.sql('select count(*)::int as n from sluice.intake')).toEqual([{ n: count }]);
    });

  test('a write creates, replaces, finds unchanged and deletes a document', async () => {
    const world = await setup();
    const noteId = fresh();
    const created = await world.submit(upsert('notes', { noteId, text: 'a' }));
    const documentId = created.documentId!;
    expect(created).toMatchObject({ result: 'created', version: 1, code: null });
    expect(await world.submit(update('notes', documentId, { noteId, text: 'b' }))).toMatchObject({
      result: 'updated',
      version: 2,
      documentId,
    });
    expect(await world.submit(update('notes', documentId, { noteId, text: 'b' }))).toMatchObject({
      result: 'unchanged',
      version: 2,
    });
    expect(await world.submit(remove('notes', documentId))).toMatchObject({ result: 'deleted', documentId });
    expect(await world.node.readDocument(resource('notes'), documentId)).toBeNull();
    const rows = await world.sql(
      `select (select count(*)::int from sluice.alias where document_id = $1) as aliases,
              (select count(*)::int from sluice.reference where document_id = $1) as references`,
      [documentId],
    );
    expect(rows).toEqual([{ aliases: 0, references: 0 }]);
    await expect(world.submit(update('notes', documentId, { noteId }))).rejects.toMatchObject({
      code: 'document_not_found',
    });
    expect(await world.submit(upsert('notes', { noteId }))).toMatchObject({ result: 'created', version: 1 });
  });

  test('a write may not change an identity where the model does not allow it', async () => {
    const world = await setup();
    const { documentId } = await world.submit(upsert('notes', { noteId: fresh() }));
    expect(await world.submit(update('notes', documentId!, { noteId: fresh() }))).toMatchObject({
      result: 'refused',
      code: 'immutable_identity',
    });
  });

  test('a write moves the references of its document', async () => {
    const world = await setup();
    const [schoolId, enrolmentId, first, second] = [fresh(), fresh(), fresh(), fresh()];
    const [, a, b] = await Promise.all([
      world.submit(upsert('schools', { schoolId })),
      world.submit(upsert('notes', { noteId: first })),
      world.submit(upsert('notes', { noteId: second })),
    ]);
    await world.submit(upsert('enrolments', enrolment(enrolmentId, schoolId, [first])));
    expect(await world.submit(remove('notes', a.documentId!))).toMatchObject({
      result: 'refused',
      code: 'document_referenced',
      detail: { referredBy: ['test/enrolments'] },
    });
    expect(
      await world.submit(upsert('enrolments', enrolment(enrolmentId, schoolId, [second]))),
    ).toMatchObject({ result: 'updated' });
    expect(await world.submit(remove('notes', a.documentId!))).toMatchObject({ result: 'deleted' });
    expect(await world.submit(remove('notes', b.documentId!))).toMatchObject({ code: 'document_referenced' });
  });

  test('a write with If-Match is applied to the document that it expects, and to no other', async () => {
    const world = await setup();
    const noteId = fresh();
    const { documentId, contentHash } = await world.submit(upsert('notes', { noteId, text: 'a' }));
    const write = (text: string, ifMatch: string): WriteRequest =>
      update('notes', documentId!, { noteId, text }, { ifMatch });
    expect(await world.submit(write('b', contentHash!))).toMatchObject({ result: 'updated' });
    expect(await world.submit(write('c', contentHash!))).toMatchObject({
      result: 'refused',
      code: 'precondition_failed',
    });
    expect(await world.submit(write('d', '*'))).toMatchObject({ result: 'updated' });
    expect(await world.submit(upsert('notes', { noteId: fresh() }, { ifMatch: '*' }))).toMatchObject({
      code: 'precondition_failed',
    });
    // Of two that expect the same, one is late.
    const { contentHash: latest } = await world.submit(write('e', '*'));
    const rivals = await Promise.all(['f', 'g', 'h'].map((text) => world.submit(write(text, latest!))));
    expect(rivals.map(({ code, result }) => code ?? result).sort()).toEqual([
      'precondition_failed',
      'precondition_failed',
      'updated',
    ]);
  });

  test('a write with the key of a settled write gets its answer', async () => {
    const world = await setup({ nodes: 2 });
    const [one, other] = world.nodes;
    const request = upsert('notes', { noteId: fresh() }, { client: 'a', idempotencyKey: `key ${fresh()}` });
    const first = await one!.submit(request);
    expect(await other!.submit(request)).toEqual(first);
    await expect(
      other!.submit({ ...request, body: JSON.stringify({ noteId: fresh() }) }),
    ).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    // Keys are each client's own.
    expect(await other!.submit({ ...request, client: 'b' })).toMatchObject({ result: 'unchanged' });
  });

  test('a node reads a key apart from its insert only for a key that is known', async () => {
    const world = await setup({ nodes: 1 });
    const [node] = world.nodes;
    // Now the node knows that the lanes take writes.
    await node!.submit(upsert('notes', { noteId: fresh() }));
    const reads = vi.spyOn(Database.prototype, 'run');
    onTestFinished(() => reads.mockRestore());
    const countFindKeys = (): number => reads.mock.calls.filter(([name]) => name === 'findKeys').length;
    const request = upsert('notes', { noteId: fresh() }, { idempotencyKey: `key ${fresh()}` });
    const first = await node!.submit(request);
    expect(countFindKeys()).toBe(0);
    expect(await node!.submit(request)).toEqual(first);
    expect(countFindKeys()).toBe(1);
  });

  test('a write with the key of a settled write gets its answer while the intake takes no writes', async () => {
    const world = await setup({ nodes: 1 });
    const [node] = world.nodes;
    // Now the node knows that the lanes take writes.
    await node!.submit(upsert('notes', { noteId: fresh() }));
    const request = upsert('notes', { noteId: fresh() }, { idempotencyKey: `key ${fresh()}` });
    const first = await node!.submit(request);
    await world.sql(`create function disk_is_full() returns trigger language plpgsql as
      $$begin raise exception using errcode = 'disk_full', message = 'no space left'; end$$`);
    onTestFinished(async () => void (await world.sql('drop function if exists disk_is_full cascade')));
    await world.sql(`create trigger disk_is_full before insert on sluice.intake
      for each statement execute function disk_is_full()`);
    expect(await node!.submit(request)).toEqual(first);
    await expect(
      node!.submit(upsert('notes', { noteId: fresh() }, { idempotencyKey: `key ${fresh()}` })),
    ).rejects.toMatchObject({ code: 'storage_full' });
  });

  test('a write that a crash has lost, whose key another write has got since, has the outcome of that', async () => {
    const world = await setup({ writers: 0, nodes: 1 });
    const [node] = world.nodes;
    const reads = vi.spyOn(Database.prototype, 'run');
    onTestFinished(() => reads.mockRestore());
    const request = upsert('notes', { noteId: fresh() }, { idempotencyKey: `key ${fresh()}` });
    const first = node!.submit(request);
    await untilTaken(world, 1);
    const second = node!.submit(request);
    await eventually(async () => {
      const found = reads.mock.calls.flatMap(([name], index) =>
        name === 'findKeys' ? [reads.mock.results[index]!.value as Promise<unknown[]>] : [],
      );
      expect((await Promise.all(found)).filter((rows) => rows.length > 0)).toHaveLength(1);
    });
    await world.sql('update sluice.intake set write_id = gen_random_uuid()');
    await world.startWriter();
    expect(await first).toMatchObject({ result: 'created' });
    expect(await second).toEqual(await first);
  });

  test('a write with the key of a waiting write joins it', async () => {
    const world = await setup({ writers: 0, nodes: 2 });
    const [one, other] = world.nodes;
    const request = upsert('notes', { noteId: fresh() }, { idempotencyKey: `key ${fresh()}` });
    const first = one!.submit(request);
    await untilTaken(world, 1);
    const second = other!.submit(request);
    await expect(
      other!.submit({ ...request, body: JSON.stringify({ noteId: fresh() }) }),
    ).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    await world.startWriter();
    expect(await second).toEqual(await first);
    expect(await first).toMatchObject({ result: 'created' });
  });

  test('a write with the key of one that arrived in the same moment is applied once', async () => {
    const world = await setup({ nodes: 2 });
    const [noteId, other, key] = [fresh(), fresh(), `key ${fresh()}`];
    const outcomes = await Promise.allSettled(
      [noteId, noteId, other, noteId, other].map((id, index) =>
        world.nodes[index % 2]!.submit(upsert('notes', { noteId: id }, { idempotencyKey: key })),
      ),
    );
    const created = await world.sql(
      `select count(*)::int as n from sluice.document where (body ->> 'noteId')::int = any($1)`,
      [[noteId, other]],
    );
    expect(created).toEqual([{ n: 1 }]);
    const answers = outcomes.map((outcome) =>
      outcome.status === 'rejected'
        ? (outcome.reason as { code: string }).code
        : (outcome.value.code ?? outcome.value.result),
    );
    expect(new Set(answers)).toEqual(new Set(['created', 'idempotency_key_reused']));
  });

  test('a write that was cancelled at the end of its wait is never applied', async () => {
    const world = await setup({ writers: 0 });
    const noteId = fresh();
    const key = `key ${noteId}`;
    const request = upsert('notes', { noteId }, { idempotencyKey: key });
    const outcome = await untilCancelled(world.node, request);
    expect(outcome.documentId).toBeNull();
    expect(await world.sql('select count(*)::int as n from sluice.intake')).toEqual([{ n: 0 }]);

    await world.startWriter();
    await world.submit(upsert('notes', { noteId: fresh() }));
    expect(
      await world.sql(`select from sluice.document where (body ->> 'noteId')::int = $1`, [noteId]),
    ).toEqual([]);
    expect(await world.node.readWrite('', outcome.writeId)).toMatchObject({ state: 'settled', outcome });
    // Its key is free: the client may try again.
    expect(await world.submit(request)).toMatchObject({ result: 'created' });
  });

  test('a write whose batch is under way at the end of its wait gets the real outcome', async () => {
    const world = await setup();
    await world.submit(upsert('notes', { noteId: fresh() }));
    const request = upsert('notes', { noteId: fresh() });
    let release: () => void = () => undefined;
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    setFailpoint('facts_read', () => isReleased);
    onTestFinished(() => setFailpoint('facts_read', null));
    const outcome = world.node.submit(request, { waitMs: 1000 });
    // The cancellation, behind the batch.
    await eventually(async () =>
      expect(
        await world.sql(
          `select count(*)::int as n from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'`,
        ),
      ).toEqual([{ n: 1 }]),
    );
    release();
    expect(await outcome).toMatchObject({ result: 'created' });
  });

  test('a write beyond those that may wait on a node is refused before it is taken', async () => {
    const world = await setup({ writers: 0, client: { waitingWritesMax: 3 } });
    const waiting = Array.from({ length: 3 }, () => world.submit(upsert('notes', { noteId: fresh() })));
    await expect(world.submit(upsert('notes', { noteId: fresh() }))).rejects.toMatchObject({
      code: 'overloaded',
      retryAfterSeconds: 1,
    });
    await untilTaken(world, 3);
    await world.startWriter();
    await Promise.all(waiting);
    expect(await world.submit(upsert('notes', { noteId: fresh() }))).toMatchObject({ result: 'created' });
  });

  test('a write that was not waited for can be read by its own client', async () => {
    const world = await setup({ writers: 0 });
    const request = upsert('enrolments', enrolment(fresh(), fresh()), { client: 'a' });
    const { writeId } = await world.node.accept(request);
    expect(await world.node.readWrite('a', writeId)).toMatchObject({ state: 'ready', outcome: null });
    expect(await world.node.readWrite('b', writeId)).toBeNull();
    await world.startWriter();
    await eventually(async () =>
      expect(await world.node.readWrite('a', writeId)).toMatchObject({
        state: 'settled',
        outcome: { writeId, result: 'refused', code: 'unresolved_reference' },
      }),
    );
  });

  test('a write comes before any that was submitted after its 202', async () => {
    const world = await setup({ writers: 0, nodes: 2 });
    const noteId = fresh();
    await world.nodes[0]!.accept(upsert('notes', { noteId, text: 'first' }));
    const second = world.nodes[1]!.submit(upsert('notes', { noteId, text: 'second' }));
    await untilTaken(world, 2);
    await world.startWriter();
    expect(await second).toMatchObject({ result: 'updated', version: 2 });
  });

  test('a stopping node answers the writes that it has taken, and takes no more', async () => {
    const world = await setup();
    const outcome = world.submit(upsert('notes', { noteId: fresh() }));
    const stopped = world.node.stop();
    await expect(world.submit(upsert('notes', { noteId: fresh() }))).rejects.toMatchObject({
      code: 'stopping',
    });
    expect(await outcome).toMatchObject({ result: 'created' });
    await stopped;
  });
});
