// Rows that somebody else has locked: the writes that need such a row wait, in order, and are settled once it is free; all
// others go on. test/scripts/locked-rows.ts measures how well.

import type { SluiceClient, WriteRequest } from 'sluice/internal/client';
import { defineProjection } from 'sluice/internal/batch';
import { describeDocument, parseModel } from 'sluice/model';
import { discardWrites, explainWrite, listStuck, showWrite } from 'sluice/operator';
import { setFailpoint, type Outcome } from 'sluice/internal/protocol';
import { Database } from 'sluice/internal/store';
import type pg from 'pg';
import { pino, type Logger } from 'pino';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { firstOrAll, isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { patient } from '../support/patient.ts';
import { openConnection, sql } from '../support/sql.ts';
import { fresh, freshIn, laneOfWrite, startWorld, untilShared, type World } from '../support/world.ts';

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

async function setup(more: Parameters<typeof startWorld>[1] = {}): Promise<World> {
  const world = await startWorld(database.url, {
    ...more,
    client: { model, projections: [counting], ...patient, ...more.client },
    writer: { model, projections: [counting], ...more.writer },
  });
  if (world.writers.length > 0) await untilShared(world.writers);
  return world;
}

interface Held {
  pid: number;
  query: (text: string, values?: unknown[]) => Promise<unknown>;
  release(): Promise<void>;
}

/** A transaction of somebody else that stays open. */
async function hold(text: string, values: unknown[] = []): Promise<Held> {
  const holder: pg.Client = await openConnection(`${database.url}?application_name=outsider`);
  await holder.query('begin');
  await holder.query(text, values);
  const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
  return {
    pid: rows[0]!.pid,
    query: (more, moreValues = []) => holder.query(more, moreValues),
    release: async () => void (await holder.query('rollback')),
  };
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

/** Until a write is blocked because it waits for a lock. */
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
  prepare: (world: World) => Promise<{ held: Held; needy: WriteRequest; result: string }>;
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

describe.each(
  firstOrAll([
    { deployment: 'one writer', writers: 1, sessions: 1 },
    { deployment: 'two writers of two sessions', writers: 2, sessions: 2 },
  ]),
)('with $deployment', ({ writers, sessions }) => {
  test.each(cases)('a lock on $what stops the writes that need it, until it is free', async (each) => {
    const world = await setup({ writers, writer: { sessions, spread: 'even' } });
    const { held, needy, result } = await each.prepare(world);
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

test('a lock on the row of a lane stops that lane only, also for a new writer', async () => {
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

test.runIf(isWide)(
  'the end of a wait for a locked lane holds up neither others that end nor other lanes',
  async () => {
    const world = await setup({ client: { waitMs: 1000 }, writers: 0 });
    const held = await hold('select from sluice.lane where lane = 5 for update');
    const others = Array.from({ length: 16 }, (_, lane) => lane).filter((lane) => lane !== 5);
    const requests = [note(freshIn([5], note)), ...others.map((lane) => note(freshIn([lane], note)))];
    const [locked, ...rest] = requests.map((request) => world.submit(request));
    const answers = locked!.then(
      ({ code }) => code,
      (error: unknown) => (error as { code: string }).code,
    );
    for (const outcome of await Promise.all(rest)) expect(outcome).toMatchObject({ code: 'cancelled' });
    // What becomes of it is not known until the lane is free.
    expect(await answers).toBe('outcome_unknown');
    await held.release();
  },
);

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

async function openOperator(): Promise<Database> {
  const operator = new Database({ url: database.opsUrl, applicationName: 'sluice test', connectionsMax: 1 });
  onTestFinished(() => operator.close());
  return operator;
}

test('operators see which session holds the row that a write waits for, and may discard the write', async () => {
  const world = await setup();
  const operator = await openOperator();
  const noteId = fresh();
  const { documentId } = await world.submit(note(noteId));
  const held = await holdDocument(documentId);
  const { writeId } = await world.node.accept(note(noteId, 'changed'));
  await untilWaiting(world);
  const { writes } = await listStuck(operator, { reason: 'locked' });
  expect(writes).toMatchObject([{ writeId, heldBy: [{ pid: held.pid, application: 'outsider' }] }]);
  expect(explainWrite(writes[0]!)).toMatch(
    new RegExp(
      `^waits for a row that another transaction has locked: process ${held.pid} of the server, outsider, since `,
    ),
  );
  expect((await listStuck(operator, { reason: 'blocked' })).writes).toEqual([]);
  expect(await showWrite(operator, writeId)).toMatchObject({
    stuck: { reason: 'locked' },
    chain: [{ kind: 'lock', standing: 'locked', awaitedId: writeId, provider: null }],
  });
  expect(await discardWrites(operator, { writeIds: [writeId] }, { actor: 'a test' })).toMatchObject({
    discarded: 1,
  });
  await held.release();
  expect(await world.submit(note(noteId, 'again'))).toMatchObject({ result: 'updated', version: 2 });
});

test.each(['an identity that somebody', 'an idempotency key', 'a row of a projection'])(
  'operators see which session holds a lock that only a waiting session sees: %s',
  async (what) => {
    const world = await setup();
    const operator = await openOperator();
    const { held, needy } = await cases.find((each) => each.what.startsWith(what))!.prepare(world);
    const { writeId } = await world.node.accept(needy);
    await eventually(async () =>
      expect((await listStuck(operator, { reason: 'locked' })).writes).toMatchObject([
        { writeId, heldBy: [{ pid: held.pid, application: 'outsider' }] },
      ]),
    );
    await held.release();
    await eventually(async () => expect(await world.sql('select from sluice.intake')).toEqual([]));
  },
);

test('operators see which session holds the row of a lane', async () => {
  const world = await setup();
  const operator = await openOperator();
  const held = await hold('select from sluice.lane where lane = 5 for update');
  const { writeId } = await world.node.accept(note(freshIn([5], note)));
  await eventually(async () =>
    expect((await listStuck(operator, { reason: 'retrying' })).writes).toMatchObject([
      { writeId, lane: 5, error: { code: '55P03' }, heldBy: [{ pid: held.pid, application: 'outsider' }] },
    ]),
  );
  await held.release();
  await eventually(async () => expect(await world.sql('select from sluice.intake')).toEqual([]));
  expect(await world.sql('select from sluice.lane_retry')).toEqual([]);
});

interface Line {
  msg: string;
  sqlState: string;
  remedy: string;
}

function recordLines(): { lines: Line[]; logger: Logger } {
  const lines: Line[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  return { lines, logger };
}

test('a batch that waits in vain logs codes and ids, and nothing of a document', async () => {
  const { lines, logger } = recordLines();
  const world = await setup({ writer: { logger } });
  const { held, needy } = await cases
    .find(({ what }) => what.startsWith('an identity that somebody'))!
    .prepare(world);
  const outcome = world.submit({ ...needy, body: needy.body!.replace('""', '"Canary4711"') });
  await untilWaiting(world);
  const [row] = await world.sql('select write_id, lane from sluice.intake');
  await held.release();
  await outcome;
  const told = lines.filter(({ sqlState }) => sqlState === '55P03');
  expect(told.slice(0, 2)).toMatchObject([
    { remedy: 'look_for_locks', attempt: 1 },
    { remedy: 'block', attempt: 2 },
  ]);
  for (const line of told)
    expect(line).toMatchObject({
      msg: expect.any(String) as string,
      statement: 'settleWrites',
      batchId: expect.any(String) as string,
      lanes: [row!['lane']],
      writes: 1,
      writeIds: [row!['write_id']],
    });
  // Once each, however often it is tried.
  expect(new Set(told.map(({ remedy }) => remedy)).size).toBe(told.length);
  expect(JSON.stringify(lines)).not.toContain('Canary4711');
});

test('a deadlock with another program is broken, and the batch is tried again', async () => {
  // PostgreSQL ends the transaction that closes the cycle.
  await sql(database.url, `alter database ${database.name} set deadlock_timeout = '1ms'`);
  onTestFinished(async () => {
    await sql(database.url, `alter database ${database.name} reset deadlock_timeout`);
  });
  const { lines, logger } = recordLines();
  const world = await setup({ writer: { logger } });
  const [noteId, newId] = [fresh(), fresh()];
  const { documentId } = await world.submit(note(noteId));
  const held = await cases.find(({ what }) => what.startsWith('an identity that somebody'))!.prepare(world);
  let closed: Promise<unknown> = Promise.resolve();
  setFailpoint('facts_read', () => {
    setFailpoint('facts_read', null);
    // The batch has locked the document: this waits for it, until the batch is ended.
    closed = held.held
      .query('select from sluice.document where document_id = $1 for update', [documentId])
      .then(() => held.held.release());
    return eventually(async () =>
      expect(
        await world.sql(
          'select from pg_stat_activity where pid = $1 and cardinality(pg_blocking_pids(pid)) > 0',
          [held.held.pid],
        ),
      ).toHaveLength(1),
    );
  });
  onTestFinished(() => setFailpoint('facts_read', null));
  const release = await world.pauseLanes(Array.from({ length: 16 }, (_, lane) => lane));
  const outcomes = [
    world.submit(note(noteId, 'changed')),
    world.submit(held.needy),
    world.submit(note(newId)),
  ];
  await eventually(async () => expect(await world.sql('select from sluice.intake')).toHaveLength(3));
  await release();
  expect((await Promise.all(outcomes)).map(({ result }) => result)).toEqual([
    'updated',
    'created',
    'created',
  ]);
  await closed;
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: 'a batch is tried again',
      sqlState: '40P01',
      statement: 'settleWrites',
      attempt: 1,
      writes: 3,
    }),
  );
});
