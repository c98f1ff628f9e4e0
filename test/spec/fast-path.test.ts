// The fast path of a coordinated node: few writes, nobody at work on their lanes, and nothing to wait for.

import { createClient, type SluiceClient } from 'sluice/internal/client';
import { pauseLanes, resumeLanes } from 'sluice/operator';
import { Database } from 'sluice/internal/store';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { openConnection } from '../support/sql.ts';
import {
  enrolment,
  fresh,
  freshIn,
  laneOfWrite,
  startWorld,
  update,
  untilShared,
  upsert,
  type World,
} from '../support/world.ts';

const database = useDatabase();
const note = (noteId: number, text = 'a') => upsert('notes', { noteId, text });

/** A node with a fast path, and no writer unless one is started. */
async function setup(fastPathWritesMax = 64): Promise<World> {
  return startWorld(database.url, { writers: 0, client: { fastPathWritesMax } });
}

/** How a write was settled: a leader notes its term. */
async function termOf(world: World, writeId: string): Promise<unknown> {
  const [row] = await world.sql('select term from sluice.outcome where write_id = $1', [writeId]);
  return row?.['term'];
}

async function waitingIn(world: World): Promise<number> {
  const [row] = await world.sql('select count(*)::integer as writes from sluice.intake');
  return row?.['writes'] as number;
}

async function untilInIntake(world: World, writes: number): Promise<void> {
  await eventually(async () => expect(await waitingIn(world)).toBe(writes));
}

/** Submits to a node. The error stays for code that awaits it later. */
function submitted(node: SluiceClient, request: Parameters<SluiceClient['submit']>[0]) {
  const outcome = node.submit(request);
  outcome.catch(() => undefined);
  return outcome;
}

test('the fast path settles a lone write where no writer runs', async () => {
  const world = await setup();
  const outcome = await world.submit(note(fresh()));
  expect(outcome).toMatchObject({ result: 'created', version: 1 });
  expect(await termOf(world, outcome.writeId)).toBeNull();
});

test('the fast path settles a small group of writes in one transaction, each with its own answer', async () => {
  const world = await setup();
  const noteId = fresh();
  const outcomes = await Promise.all([
    world.submit(note(noteId)),
    world.submit(note(fresh())),
    world.submit(note(noteId, 'b')),
    world.submit(upsert('schools', { schoolId: fresh() }, { ifMatch: 'nothing' })),
  ]);
  expect(outcomes).toMatchObject([
    { result: 'created' },
    { result: 'created' },
    { result: 'updated', version: 2 },
    { result: 'refused', code: 'precondition_failed' },
  ]);
  const rows = await world.sql('select distinct batch_id from sluice.outcome where write_id = any($1)', [
    outcomes.map(({ writeId }) => writeId),
  ]);
  expect(rows).toHaveLength(1);
});

test('the fast path settles write after write of several clients, and none waits for a poll', async () => {
  const world = await setup();
  const clients = [1, 2, 3].map(async () => {
    for (let write = 0; write < 50; write++) await world.submit(note(fresh()));
  });
  await Promise.all(clients);
  expect(await waitingIn(world)).toBe(0);
});

test('the fast path leaves larger groups to the writers', async () => {
  const world = await setup(2);
  const outcomes = [fresh(), fresh(), fresh()].map((noteId) => submitted(world.node, note(noteId)));
  await untilInIntake(world, 3);
  await world.startWriter();
  expect((await Promise.all(outcomes)).map(({ result }) => result)).toEqual([
    'created',
    'created',
    'created',
  ]);
});

/** Submits a write and waits until it is in the intake; then starts a writer, and gives the term of who settled it. */
async function termThroughIntake(world: World, node: SluiceClient): Promise<unknown> {
  const outcome = submitted(node, note(fresh()));
  await untilInIntake(world, 1);
  await world.startWriter();
  return termOf(world, (await outcome).writeId);
}

test('a node uses the intake unless its fast path is switched on, also if its role may commit', async () => {
  // A bypass needs the role of a writer.
  const world = await startWorld(database.url, { writers: 0, client: { onOverload: 'bypass' } });
  expect(await termThroughIntake(world, world.node)).not.toBeNull();
});

test('a node whose role may not commit says so, and tries no fast path', async () => {
  const world = await startWorld(database.url, { writers: 0, nodes: 0 });
  const lines: unknown[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const own = { fastPathWritesMax: 64, leaderGraceMs: 60_000, logger };
  const node = createClient({ url: database.apiUrl, model, ...own });
  onTestFinished(() => node.stop());
  await node.start();
  expect(await termThroughIntake(world, node)).not.toBeNull();
  expect(node.usage().pools).not.toHaveProperty('fast_path');
  expect(lines).toMatchObject([
    {
      reason: 'the role of the node may not commit writes',
      msg: 'fastPathWritesMax has no effect: all writes go through the intake',
    },
  ]);
});

test('the fast path leaves writes to the leader while another session works on their lane', async () => {
  const world = await setup();
  const request = note(fresh());
  const release = await world.holdLanes([laneOfWrite(request)]);
  const outcome = submitted(world.node, request);
  await untilInIntake(world, 1);
  await release();
  await world.startWriter();
  expect(await termOf(world, (await outcome).writeId)).not.toBeNull();
});

test('the fast path settles nothing in a paused lane', async () => {
  const world = await setup();
  const operator = new Database({ url: database.opsUrl, applicationName: 'sluice test', connectionsMax: 1 });
  onTestFinished(() => operator.close());
  const noteId = fresh();
  const lane = laneOfWrite(note(noteId));
  await pauseLanes(operator, [lane], 'a test');
  const outcome = submitted(world.node, note(noteId));
  await untilInIntake(world, 1);
  await world.startWriter();
  await resumeLanes(operator, [lane], 'a test');
  expect(await outcome).toMatchObject({ result: 'created' });
});

test('the fast path orders a write after those that were accepted before', async () => {
  const world = await setup();
  const noteId = fresh();
  const { writeId } = await world.node.accept(note(noteId, 'first'));
  const second = submitted(world.node, note(noteId, 'second'));
  await untilInIntake(world, 2);
  await world.startWriter();
  expect(await second).toMatchObject({ result: 'updated', version: 2 });
  expect(await world.node.readWrite('', writeId)).toMatchObject({ outcome: { result: 'created' } });
});

test('the fast path waits for a document of an accepted write', async () => {
  const world = await setup();
  const schoolId = fresh();
  await world.node.accept(upsert('schools', { schoolId }));
  const outcome = submitted(world.node, upsert('enrolments', enrolment(fresh(), schoolId)));
  await untilInIntake(world, 2);
  await world.startWriter();
  expect(await outcome).toMatchObject({ result: 'created' });
});

test('the fast path leaves a missing reference to a leader, which reads again', async () => {
  const world = await setup();
  await world.startWriter();
  const outcome = await world.submit(upsert('enrolments', enrolment(fresh(), fresh())));
  expect(outcome).toMatchObject({ result: 'refused', code: 'unresolved_reference' });
  expect(await termOf(world, outcome.writeId)).not.toBeNull();
});

test('the fast path wakes writes that await its document, without waiting for a poll', async () => {
  const world = await setup();
  // The next heartbeat of such a writer comes after the test, so it must lead all lanes before.
  await untilShared([await world.startWriter({ pollIntervalMs: 60_000 })]);
  const schoolId = fresh();
  const waiting = submitted(
    world.node,
    upsert('enrolments', enrolment(fresh(), schoolId), { waitForReferencesSeconds: 60 }),
  );
  await eventually(async () => {
    const rows = await world.sql('select from sluice.intake where blocked_at is not null');
    expect(rows).toHaveLength(1);
  });
  const other = await world.startNode();
  const school = await other.submit(upsert('schools', { schoolId }));
  expect(await termOf(world, school.writeId)).toBeNull();
  expect(await waiting).toMatchObject({ result: 'created' });
});

test('the fast path does not hold up a lane for a document that another session has locked', async () => {
  const world = await setup();
  const noteId = fresh();
  const { documentId } = await world.submit(note(noteId));
  const holder = await openConnection(database.url);
  await holder.query('begin');
  await holder.query('select from sluice.document where document_id = $1 for update', [documentId]);
  const outcome = submitted(world.node, update('notes', documentId!, { noteId, text: 'b' }));
  // It has given up, and the lane is free for others meanwhile.
  await untilInIntake(world, 1);
  const neighbour = freshIn([laneOfWrite(note(noteId))], note);
  const other = await world.startNode();
  expect(await other.submit(note(neighbour))).toMatchObject({ result: 'created' });
  await holder.query('rollback');
  await world.startWriter();
  expect(await outcome).toMatchObject({ result: 'updated', version: 2 });
});
