// Rows that somebody else has locked: the writes that need such a row wait, in order, and are settled once it is free; all
// others go on. test/scripts/locked-rows.ts measures how well.

import type { SluiceClient, WriteRequest } from '@sluice/client';
import { defineProjection } from '@sluice/batch';
import { describeDocument, parseModel } from '@sluice/model';
import type { Outcome } from '@sluice/protocol';
import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection, sql } from '../support/sql.ts';
import {
  fresh,
  freshIn,
  laneOfWrite,
  startWorld,
  untilShared,
  upsert,
  type World,
} from '../support/world.ts';

const model = parseModel({
  project: 'Test',
  resources: [
    { name: 'Note', endpoint: 'test/notes', identity: ['$.noteId'], allowIdentityUpdates: true },
    {
      name: 'Remark',
      endpoint: 'test/remarks',
      identity: ['$.remarkId'],
      references: [{ resource: 'Note', paths: [{ identity: '$.noteId', path: '$.noteReference.noteId' }] }],
    },
    { name: 'Counted', endpoint: 'test/counted', identity: ['$.countedId'] },
  ],
});
type Name = 'notes' | 'remarks' | 'counted';
const resource = (name: Name) => model.findEndpoint(`test/${name}`)!;
const post = (name: Name, document: object, more: Partial<WriteRequest> = {}): WriteRequest => ({
  operation: 'upsert',
  resource: resource(name),
  body: JSON.stringify(document),
  ...more,
});
const put = (name: Name, documentId: string | null, document: object): WriteRequest => ({
  ...post(name, document),
  operation: 'update',
  documentId: documentId!,
});
const del = (name: Name, documentId: string | null): WriteRequest => ({
  operation: 'delete',
  resource: resource(name),
  body: null,
  documentId: documentId!,
});
const note = (noteId: number, text = ''): WriteRequest => post('notes', { noteId, text });
const remark = (remarkId: number, noteId: number, text = ''): WriteRequest =>
  post('remarks', { remarkId, text, noteReference: { noteId } });

/** A row of the user's own, which every document of a kind counts up. */
const counting = defineProjection({
  name: 'counting',
  resources: ['test/counted'],
  async apply({ created }, transaction) {
    await transaction.query('update mine.counter set number = number + $1', [created.length]);
  },
});

const database = useDatabase();
beforeAll(async () => {
  for (const text of [
    'create schema mine',
    'grant usage on schema mine to public',
    'create table mine.counter as select 0 as number',
    'grant all on mine.counter to public',
  ])
    await sql(database.url, text);
});

const patient = { waitMs: 60_000, leaderGraceMs: 60_000, highWaterMs: 120_000 };

async function setup(more: Parameters<typeof startWorld>[1] = {}): Promise<World> {
  const world = await startWorld(database.url, {
    ...more,
    client: { model, ...patient, ...more.client },
    writer: { model, projections: [counting], ...more.writer },
  });
  if (world.writers.length > 0) await untilShared(world.writers);
  return world;
}

interface Held {
  query: pg.Client['query'];
  release(): Promise<void>;
}

/** A transaction of somebody else that stays open. */
async function hold(text: string, values: unknown[] = []): Promise<Held> {
  const holder = await openConnection(database.url);
  await holder.query('begin');
  await holder.query(text, values);
  return { query: holder.query.bind(holder), release: async () => void (await holder.query('rollback')) };
}

const holdDocument = (documentId: string | null): Promise<Held> =>
  hold('select from sluice.document where document_id = $1 for update', [documentId]);

/** Whether it has been answered by now. */
function watched(outcome: Promise<Outcome>): { outcome: Promise<Outcome>; isAnswered: () => boolean } {
  let isAnswered = false;
  void outcome.finally(() => (isAnswered = true)).catch(() => undefined);
  return { outcome, isAnswered: () => isAnswered };
}

/** Neighbours that write one new note after the other while the lock is held: none waits for long. */
async function expectNeighboursGoOn(node: SluiceClient, not: readonly number[] = []): Promise<void> {
  const lanes = Array.from({ length: 16 }, (_, lane) => lane).filter((lane) => !not.includes(lane));
  for (let round = 0; round < 5; round++) {
    const requests = Array.from({ length: 12 }, () => note(freshIn(lanes, note)));
    for (const { result } of await Promise.all(requests.map((request) => node.submit(request))))
      expect(result).toBe('created');
  }
}

/** Until a write has been set aside, as it waits for a lock. */
const untilWaiting = (world: World, writes = 1): Promise<void> =>
  eventually(async () =>
    expect(
      await world.sql(
        `select count(*)::int as writes from sluice.intake i join sluice.awaited a on a.write_id = i.write_id
         where a.awaited_id = a.write_id and i.blocked_at is not null`,
      ),
    ).toEqual([{ writes }]),
  );

interface Case {
  what: string;
  /** What is there before; then the lock, and the write that needs the row. */
  prepare(world: World): Promise<{ held: Held; needy: WriteRequest; result: string }>;
}

const cases: Case[] = [
  {
    what: 'a document',
    async prepare(world) {
      const noteId = fresh();
      const { documentId } = await world.submit(note(noteId));
      return { held: await holdDocument(documentId), needy: note(noteId, 'changed'), result: 'updated' };
    },
  },
  {
    what: 'a document that is to be deleted, locked as if somebody referred to it',
    async prepare(world) {
      const { documentId } = await world.submit(note(fresh()));
      const held = await hold('select from sluice.document where document_id = $1 for key share', [
        documentId,
      ]);
      return { held, needy: del('notes', documentId), result: 'deleted' };
    },
  },
  {
    what: 'an identity that is to be deleted',
    async prepare(world) {
      const { documentId } = await world.submit(note(fresh()));
      const held = await hold('select from sluice.alias where document_id = $1 for share', [documentId]);
      return { held, needy: del('notes', documentId), result: 'deleted' };
    },
  },
  {
    what: 'an identity that is referred to',
    async prepare(world) {
      const noteId = fresh();
      const { documentId } = await world.submit(note(noteId));
      const held = await hold('select from sluice.alias where document_id = $1 for update', [documentId]);
      return { held, needy: remark(fresh(), noteId), result: 'created' };
    },
  },
  {
    what: 'a reference that is to be removed',
    async prepare(world) {
      const [one, other, remarkId] = [fresh(), fresh(), fresh()];
      await Promise.all([world.submit(note(one)), world.submit(note(other))]);
      const { documentId } = await world.submit(remark(remarkId, one));
      const held = await hold('select from sluice.reference where document_id = $1 for update', [documentId]);
      return { held, needy: remark(remarkId, other), result: 'updated' };
    },
  },
  {
    what: 'a document that refers to one that changes its identity',
    async prepare(world) {
      const noteId = fresh();
      const { documentId } = await world.submit(note(noteId));
      const { documentId: remarkId } = await world.submit(remark(fresh(), noteId));
      const needy = put('notes', documentId, { noteId: fresh(), text: '' });
      return { held: await holdDocument(remarkId), needy, result: 'updated' };
    },
  },
  {
    what: 'an identity that somebody else is about to take',
    async prepare() {
      const noteId = fresh();
      const { referentialId } = describeDocument(resource('notes'), { noteId });
      const held = await hold(
        `insert into sluice.document (document_id, referential_id, version, lane, resource, content_hash, body)
         values (gen_random_uuid(), $1, 1, 0, 'test/notes', '', '{}')`,
        [referentialId],
      );
      await held.query(
        `insert into sluice.alias
         select referential_id, document_id, lane from sluice.document where referential_id = $1`,
        [referentialId],
      );
      return { held, needy: note(noteId), result: 'created' };
    },
  },
  {
    what: 'an idempotency key that somebody else is about to bind',
    async prepare() {
      const idempotencyKey = `key ${fresh()}`;
      const held = await hold(
        `insert into sluice.idempotency_key (client, key, fingerprint, write_id)
         values ('', $1, '', gen_random_uuid())`,
        [idempotencyKey],
      );
      return { held, needy: { ...note(fresh()), idempotencyKey }, result: 'created' };
    },
  },
  {
    what: 'a row of a projection',
    async prepare() {
      const held = await hold('select from mine.counter for update');
      return { held, needy: post('counted', { countedId: fresh() }), result: 'created' };
    },
  },
];

describe.each([
  { deployment: 'one writer', writers: 1, sessions: 1 },
  { deployment: 'two writers of two sessions', writers: 2, sessions: 2 },
])('with $deployment', ({ writers, sessions }) => {
  test.each(cases)('a lock on $what stops the writes that need it, until it is free', async ({ prepare }) => {
    const world = await setup({ writers, writer: { sessions } });
    const { held, needy, result } = await prepare(world);
    const waiting = watched(world.submit(needy));
    await untilWaiting(world);
    await expectNeighboursGoOn(world.node);
    expect(waiting.isAnswered()).toBe(false);
    await held.release();
    expect(await waiting.outcome).toMatchObject({ result });
    expect(await world.sql('select from sluice.intake')).toEqual([]);
    expect(await world.sql('select from sluice.awaited')).toEqual([]);
  });
});

test('writes to a locked document take effect in their order, and what refers to it goes on', async () => {
  const world = await setup();
  const noteId = fresh();
  const { documentId } = await world.submit(note(noteId));
  const held = await holdDocument(documentId);
  const outcomes = [world.submit(note(noteId, 'one'))];
  await untilWaiting(world);
  for (const text of ['two', 'three']) {
    outcomes.push(world.submit(note(noteId, text)));
    await eventually(async () =>
      expect(await world.sql('select from sluice.intake where blocked_at is not null')).toHaveLength(
        outcomes.length,
      ),
    );
  }
  expect(await world.submit(remark(fresh(), noteId))).toMatchObject({ result: 'created' });
  await held.release();
  expect((await Promise.all(outcomes)).map(({ version }) => version)).toEqual([2, 3, 4]);
});

test('a lock on the row of a lane stops that lane only, also for a writer that comes later', async () => {
  const world = await setup();
  const [lane] = [5];
  const inLane = note(freshIn([lane], note));
  const held = await hold('select from sluice.lane where lane = $1 for update', [lane]);
  const waiting = watched(world.submit(inLane));
  await expectNeighboursGoOn(world.node, [lane]);
  await world.writers[0]!.stop();
  const next = await world.startWriter();
  await eventually(() => expect(next.status().lanes).toHaveLength(15));
  await expectNeighboursGoOn(world.node, [lane]);
  expect(waiting.isAnswered()).toBe(false);
  await held.release();
  expect(await waiting.outcome).toMatchObject({ result: 'created' });
});

test('a lock on a write in the intake stops its lane only', async () => {
  const world = await setup({ writers: 0 });
  const request = note(fresh());
  const lane = laneOfWrite(request);
  const waiting = watched(world.submit(request));
  await eventually(async () => expect(await world.sql('select from sluice.intake')).toHaveLength(1));
  const held = await hold('select from sluice.intake for update');
  await untilShared([await world.startWriter()]);
  await expectNeighboursGoOn(world.node, [lane]);
  expect(waiting.isAnswered()).toBe(false);
  await held.release();
  expect(await waiting.outcome).toMatchObject({ result: 'created' });
});

test('the end of a wait for a locked lane holds up neither others that end nor other lanes', async () => {
  const world = await setup({ client: { waitMs: 1000 }, writers: 0 });
  const held = await hold('select from sluice.lane where lane = 5 for update');
  const others = Array.from({ length: 16 }, (_, lane) => lane).filter((lane) => lane !== 5);
  const requests = [note(freshIn([5], note)), ...others.map((lane) => note(freshIn([lane], note)))];
  const [locked, ...rest] = requests.map((request) => world.submit(request));
  const answers = locked!.then(
    ({ code }) => code,
    (error: { code: string }) => error.code,
  );
  for (const outcome of await Promise.all(rest)) expect(outcome).toMatchObject({ code: 'cancelled' });
  // What becomes of it is not known until the lane is free.
  expect(await answers).toBe('outcome_unknown');
  await held.release();
});

test.each(['direct', 'local'] as const)(
  'a node in %s mode goes on beside a locked document, and settles its write once it is free',
  async (mode) => {
    const world = await setup({ writers: 0, client: { mode, sessionsMax: 2 } });
    const noteId = fresh();
    const { documentId } = await world.submit(note(noteId));
    const held = await holdDocument(documentId);
    const waiting = Array.from({ length: 4 }, (_, each) => watched(world.submit(note(noteId, `${each}`))));
    await expectNeighboursGoOn(world.node);
    expect(waiting.some(({ isAnswered }) => isAnswered())).toBe(false);
    await held.release();
    for (const { outcome } of waiting) expect(await outcome).toMatchObject({ result: 'updated' });
  },
);
