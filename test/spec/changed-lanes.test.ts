// A change of identity gives a document another lane, while earlier writes of it wait in the former one: the order holds.

import { createClient, type SluiceClient, type WriteRequest } from 'sluice/internal/client';
import { discardWrites } from 'sluice/operator';
import { defaults, type Mode, type Outcome } from 'sluice/internal/protocol';
import { Database } from 'sluice/internal/store';
import { createWriter } from 'sluice/internal/writer';
import { describeDocument, laneOf, parseModel } from 'sluice/model';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { fresh } from '../support/fresh.ts';
import { patient } from '../support/patient.ts';
import { nodeUrl } from '../support/postgres.ts';
import { sql } from '../support/sql.ts';

const schoolPath = { identity: '$.schoolId', path: '$.schoolReference.schoolId' };
const model = parseModel({
  project: 'Sample',
  resources: [
    { name: 'School', endpoint: 'sample/schools', identity: ['$.schoolId'], allowIdentityUpdates: true },
    {
      name: 'Period',
      endpoint: 'sample/periods',
      identity: ['$.periodName', '$.schoolReference.schoolId'],
      references: [
        { resource: 'School', paths: [schoolPath] },
        { resource: 'Room', paths: [{ identity: '$.roomId', path: '$.roomReference.roomId' }] },
      ],
      allowIdentityUpdates: true,
    },
    {
      name: 'Room',
      endpoint: 'sample/rooms',
      identity: ['$.roomId'],
      references: [
        {
          resource: 'Period',
          paths: [
            { identity: '$.periodName', path: '$.periodReference.periodName' },
            { identity: '$.schoolReference.schoolId', path: '$.periodReference.schoolId' },
          ],
        },
      ],
    },
  ],
});

const database = useDatabase();
const clients = {} as Record<'coordinated' | 'direct', SluiceClient>;
let stop: () => Promise<void>;

beforeAll(async () => {
  for (const mode of ['coordinated', 'direct'] satisfies Mode[])
    clients[mode] = createClient({ ...patient, url: nodeUrl(database.url, { mode }), model, mode });
  const all = [...Object.values(clients), createWriter({ url: database.writerUrl, model })];
  await Promise.all(all.map((each) => each.start()));
  stop = async () => void (await Promise.all(all.map((each) => each.stop())));
});
afterAll(() => stop());

type Endpoint = 'schools' | 'periods' | 'rooms';

const school = (schoolId: number) => ({ schoolId });
const period = (schoolId: number, periodName = 'P', more: object = {}) => ({
  periodName,
  schoolReference: school(schoolId),
  ...more,
});

function write(
  operation: WriteRequest['operation'],
  endpoint: Endpoint,
  document: object | null,
  more: Partial<WriteRequest> = {},
): WriteRequest {
  const resource = model.findEndpoint(`sample/${endpoint}`)!;
  return { operation, resource, body: document === null ? null : JSON.stringify(document), ...more };
}

function laneIn(endpoint: Endpoint, document: object): number {
  const { referentialId, superclassId } = describeDocument(
    model.findEndpoint(`sample/${endpoint}`)!,
    document,
  );
  return laneOf(referentialId, superclassId, defaults.lanes);
}

/** Numbers of a school before and after its change of identity, which gives its period another lane. */
function freshNumbers(): [from: number, to: number] {
  for (;;) {
    const [from, to] = [fresh(), fresh()];
    const former = laneIn('periods', period(from));
    const others = [
      laneIn('schools', school(from)),
      ...['P', 'Q'].map((name) => laneIn('periods', period(to, name))),
    ];
    if (!others.includes(former)) return [from, to];
  }
}

async function pause(lane: number): Promise<void> {
  await sql(
    database.url,
    `update sluice.lane set paused_at = now(), paused_by = 'test' where lane = ${lane}`,
  );
  onTestFinished(resume);
}

/** Resumes all lanes at one moment: a batch that begins meanwhile waits, and then finds the writes of all of them. */
async function resume(): Promise<void> {
  await sql(
    database.url,
    `lock table sluice.lane in exclusive mode;
     update sluice.lane set paused_at = null, paused_by = null where paused_at is not null; notify sluice_wakeup`,
  );
}

interface Moved {
  periodId: string;
  to: number;
}

/** Accepts a write of a period in its lane, which is paused, and then renames the school. */
async function moveBehind(
  first: (moved: Moved) => WriteRequest,
  renamer = clients.coordinated,
): Promise<Moved & { writeId: string }> {
  const [from, to] = freshNumbers();
  const { documentId: schoolId } = await renamer.submit(write('upsert', 'schools', school(from)));
  const { documentId } = await renamer.submit(write('upsert', 'periods', period(from)));
  const moved = { periodId: documentId!, to };
  await pause(laneIn('periods', period(from)));
  const { writeId } = await clients.coordinated.accept(first(moved));
  const rename = write('update', 'schools', school(to), { documentId: schoolId! });
  expect((await renamer.submit(rename)).result).toBe('updated');
  return { ...moved, writeId };
}

const remove = ({ periodId }: Moved): WriteRequest =>
  write('delete', 'periods', null, { documentId: periodId });
const update = ({ periodId, to }: Moved): WriteRequest =>
  write('update', 'periods', period(to, 'P', { note: 'new' }), { documentId: periodId });
const rename = ({ periodId, to }: Moved): WriteRequest =>
  write('update', 'periods', period(to, 'Q'), { documentId: periodId });
const upsert = ({ to }: Moved): WriteRequest => write('upsert', 'periods', period(to, 'P', { note: 'new' }));

const gone = { result: 'refused', code: 'document_not_found' };
const created = { result: 'created', version: 1 };

/** The writes in the intake; of the blocked ones, how many. */
async function waiting(): Promise<{ all: number; blocked: number }> {
  const [row] = await sql(
    database.url,
    'select count(*)::int as all, count(blocked_at)::int as blocked from sluice.intake',
  );
  return row as { all: number; blocked: number };
}

/** Submits a write, and returns its outcome once it waits for a write in the intake. */
async function submitBehind(
  client: SluiceClient,
  request: WriteRequest,
): Promise<{ outcome: Promise<Outcome> }> {
  let early: Outcome | null = null;
  const outcome = client.submit(request).then((answer) => (early = answer));
  const isBehind = async (): Promise<boolean> => {
    if (client === clients.coordinated) return (await waiting()).blocked > 0;
    // The node settles this later write in no earlier batch.
    await client.submit(write('upsert', 'schools', school(fresh())));
    return true;
  };
  await eventually(async () => expect(early !== null || (await isBehind())).toBe(true));
  expect(early).toBeNull();
  return { outcome };
}

test.each([
  ['an update by id', 'coordinated', 'coordinated', update, gone],
  ['a delete by id', 'coordinated', 'coordinated', remove, gone],
  ['a change of its identity', 'coordinated', 'coordinated', rename, gone],
  ['an upsert of the new identity', 'coordinated', 'coordinated', upsert, created],
  ['an update by id after a change in mode direct', 'direct', 'coordinated', update, gone],
  ['an update by id in mode direct', 'coordinated', 'direct', update, gone],
  ['an upsert of the new identity in mode direct', 'direct', 'direct', upsert, created],
] as const)(
  '%s waits for a delete that was accepted before in the former lane',
  async (_, by, at, second, answer) => {
    const moved = await moveBehind(remove, clients[by]);
    const { outcome } = await submitBehind(clients[at], second(moved));
    await resume();
    expect(await outcome).toMatchObject(answer);
  },
);

test('two writes of one document in two lanes keep their order if one batch holds both', async () => {
  const first = await moveBehind(update);
  await pause(laneIn('periods', period(first.to)));
  const more = write('update', 'periods', period(first.to), { documentId: first.periodId });
  const outcome = clients.coordinated.submit(more);
  await eventually(async () => expect(await waiting()).toEqual({ all: 2, blocked: 0 }));
  await resume();
  const { writeId } = await outcome;
  const outcomes = await sql(
    database.url,
    `select write_id, version::int, count(*) over (partition by batch_id)::int as together
     from sluice.outcome where write_id in ('${first.writeId}', '${writeId}') order by version`,
  );
  expect(outcomes).toEqual([
    { write_id: first.writeId, version: 3, together: 2 },
    { write_id: writeId, version: 4, together: 2 },
  ]);
});

test('a write goes on when an operator discards the earlier write that it awaits', async () => {
  const moved = await moveBehind(remove);
  const { outcome } = await submitBehind(clients.coordinated, update(moved));
  const operator = new Database({ url: database.opsUrl, applicationName: 'sluice test', connectionsMax: 2 });
  onTestFinished(() => operator.close());
  const report = await discardWrites(operator, { writeIds: [moved.writeId] }, { actor: 'test' });
  expect(report.discarded).toBe(1);
  expect(await outcome).toMatchObject({ result: 'updated', version: 3 });
});

test('a change of identity and an earlier write that waits for it do not wait for each other', async () => {
  const roomId = fresh();
  const waits = { waitForReferencesSeconds: 60 };
  // The update needs the room, which needs the new identity, which waits for the update.
  const moved = await moveBehind(({ periodId, to }) =>
    write('update', 'periods', period(to, 'P', { roomReference: { roomId } }), {
      documentId: periodId,
      ...waits,
    }),
  );
  const room = { roomId, periodReference: { periodName: 'Q', schoolId: moved.to } };
  const made = await submitBehind(clients.coordinated, write('upsert', 'rooms', room, waits));
  const renamed = clients.coordinated.submit(rename(moved));
  await eventually(async () => expect(await waiting()).toEqual({ all: 3, blocked: 2 }));
  await resume();
  expect(await renamed).toMatchObject({ result: 'updated' });
  expect(await made.outcome).toMatchObject(created);
});

test.each(['coordinated', 'direct'] as const)(
  'a document is marked when a write in mode %s changes its lane',
  async (mode) => {
    const [from, to] = freshNumbers();
    await clients[mode].submit(write('upsert', 'schools', school(from)));
    await clients[mode].submit(write('upsert', 'schools', school(to)));
    const { documentId } = await clients[mode].submit(write('upsert', 'periods', period(from)));
    const marks = async (document: object): Promise<unknown> => {
      await clients[mode].submit(write('update', 'periods', document, { documentId: documentId! }));
      const [row] = await sql(
        database.url,
        `select version::int, changed_lane from sluice.document where document_id = '${documentId}'`,
      );
      return row;
    };
    expect(await marks(period(from, 'P', { note: 1 }))).toEqual({ version: 2, changed_lane: null });
    expect(await marks(period(to))).toEqual({ version: 3, changed_lane: true });
    expect(await marks(period(to, 'P', { note: 1 }))).toEqual({ version: 4, changed_lane: true });
  },
);
