// A target beside documents: its writes share batches with documents, under the same promises.

import { randomUUID } from 'node:crypto';
import {
  intakeOrigin,
  lockedOrigin,
  memoryOrigin,
  settleBatch,
  settleOptions,
  togetherOrigin,
  type BatchReport,
  type Origin,
  type SettleOptions,
} from 'sluice/internal/batch';
import type { Outcome, Write } from 'sluice/internal/protocol';
import { describeDocument, laneOf } from 'sluice/model';
import { Session } from 'sluice/internal/store';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { insertIntake } from '../support/row-write.ts';
import { model, resource } from '../support/model.ts';
import { uuidOf } from '../support/plan-database.ts';
import { parcels, parcelTable, parcelTarget, plainWrite } from '../support/parcel-target.ts';
import { fresh } from '../support/world.ts';

const options: SettleOptions = {
  ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
  targets: [parcelTarget],
};

let position = 0;
const header = (): Pick<Write, 'writeId' | 'position'> & Omit<Partial<Write>, 'writeId' | 'position'> => ({
  writeId: randomUUID(),
  position: ++position,
  ...plainWrite,
});

interface Parcel {
  number?: number;
  box?: number;
  weight?: number;
  owner?: string;
}

/** A row of the table, known by its name. */
function parcel(name: string, row: Parcel | null, more: Partial<Write> = {}): Write {
  const common = header();
  const referentialId = uuidOf(name);
  return {
    ...common,
    resource: parcels,
    documentId: common.writeId,
    referentialId,
    lane: laneOf(referentialId, null, 16),
    operation: row === null ? 'delete' : 'upsert',
    body: row === null ? null : JSON.stringify({ number: fresh(), weight: 1, ...row }),
    ...more,
  } as Write;
}

function note(noteId: number, more: Partial<Write> = {}): Write {
  const common = header();
  const { referentialId } = describeDocument(resource('notes'), { noteId });
  return {
    ...common,
    resource: 'test/notes',
    documentId: common.writeId,
    referentialId,
    lane: laneOf(referentialId, null, 16),
    body: JSON.stringify({ noteId }),
    ...more,
  } as Write;
}

const database = useDatabase();
let session: Session;
let other: pg.Client;

beforeAll(async () => {
  session = await Session.open({
    url: database.url,
    applicationName: 'targets',
    settings: { lock_timeout: '100ms' },
  });
  other = new pg.Client(database.url);
  await other.connect();
  await other.query(parcelTable);
  await other.query('insert into sluice.lane (lane) select generate_series(0, 15)');
});

afterAll(async () => {
  await session.close();
  await other.end();
});

beforeEach(async () => {
  await other.query('truncate parcel, sluice.intake, sluice.awaited, sluice.dead_letter');
});

async function termsOf(): Promise<Map<number, number>> {
  const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  return new Map(rows.map(({ lane, term }) => [lane, Number(term)]));
}

/** Leads all lanes, as a writer does. */
const lead = async (): Promise<Origin> => intakeOrigin(await termsOf(), 100);

const origins: [title: string, originOf: (writes: readonly Write[]) => Promise<Origin>][] = [
  ['from the memory of a node', (writes) => Promise.resolve(memoryOrigin(writes))],
  ['from the intake', async (writes) => (await insertIntake(session, writes), lead())],
];

/** Each write's result or code, or what else became of it. */
function fates(writes: readonly Write[], report: BatchReport): string[] {
  const fateOf = ({ result, code }: Outcome): string => code ?? result;
  const known = new Map([
    ...report.outcomes.map(({ outcome }) => [outcome.writeId, fateOf(outcome)] as const),
    ...report.deferred.map(({ writeId }) => [writeId, 'deferred'] as const),
    ...report.blocked.map(({ write }) => [write.writeId, 'blocked'] as const),
    ...report.failed.map(({ write }) => [write.writeId, 'failed'] as const),
  ]);
  return writes.map(({ writeId }) => known.get(writeId) ?? 'nothing');
}

/** The names of the statements of each flight. */
function watchFlights(): string[][] {
  const flights: string[][] = [];
  const flight = session.flight.bind(session);
  const spy = vi.spyOn(session, 'flight').mockImplementation((statements, more) => {
    flights.push(statements.map(({ name }) => name));
    return flight(statements, more);
  });
  onTestFinished(() => spy.mockRestore());
  return flights;
}

test.each<[title: string, originOf: (terms: ReadonlyMap<number, number>, ids: string[]) => Origin]>([
  ['of a cycle', (terms, ids) => togetherOrigin([...terms.keys()], ids)],
  ['that wait for a lock', lockedOrigin],
])('blocked writes %s come after an earlier write that is ready again', async (_title, originOf) => {
  const noteId = fresh();
  const notes = [1, 2, 3].map((text) => note(noteId, { contentHash: `${text}` }));
  const rows = [1, 2, 3].map((weight) => parcel('again', { weight }));
  const writes = [...notes, ...rows];
  const [, readyNote, lastNote] = notes.map(({ writeId }) => writeId);
  const [, readyRow, lastRow] = rows.map(({ writeId }) => writeId);
  await insertIntake(session, writes);
  // All of them were blocked. The deadline of the second write of each kind has passed.
  await other.query(
    `update sluice.intake set was_blocked = true,
       blocked_at = case when write_id <> all($1) then clock_timestamp() end`,
    [[readyNote, readyRow]],
  );
  const ids = writes.map(({ writeId }) => writeId).filter((id) => id !== readyNote && id !== readyRow);
  const settle = async (origin: Origin): Promise<BatchReport> =>
    settleBatch(session, origin, { ...options, withBlocked: true });
  const report = await settle(originOf(await termsOf(), ids));
  expect(fates(writes, report)).toEqual(['created', 'nothing', 'blocked', 'created', 'nothing', 'blocked']);
  expect(report.blocked.map(({ write, awaits }) => [write.writeId, awaits])).toEqual([
    [lastNote, [readyNote]],
    [lastRow, [readyRow]],
  ]);
  expect(fates(writes, await settle(await lead()))[1]).toBe('updated');
});

describe.each(origins)('writes to a table, %s', (_title, originOf) => {
  const isIntake = originOf !== origins[0]![1];
  const settle = async (writes: readonly Write[]): Promise<{ report: BatchReport; fates: string[] }> => {
    const report = await settleBatch(session, await originOf(writes), options);
    return { report, fates: fates(writes, report) };
  };
  const count = async (table: string): Promise<number> => {
    const { rows } = await other.query<{ n: number }>(`select count(*)::int as n from ${table}`);
    return rows[0]!.n;
  };

  test('writes to a table are committed in one transaction with the documents of their batch, which come first', async () => {
    const owner = note(fresh());
    const writes = [
      parcel('letter', { owner: owner.documentId }),
      owner,
      parcel('box', {}),
      note(fresh()),
      parcel('nowhere', null),
    ];
    const { report, fates } = await settle(writes);
    expect(fates).toEqual(['created', 'created', 'created', 'created', 'document_not_found']);
    expect(report).toMatchObject({ transactions: 1, errors: [] });
    const { rows } = await other.query(
      `select xmin from parcel union select xmin from sluice.document where document_id = $1
       union select xmin from sluice.outcome where write_id = any($2)`,
      [owner.documentId, writes.map(({ writeId }) => writeId)],
    );
    expect(rows).toHaveLength(1);
    expect(await count('sluice.intake')).toBe(0);
  });

  test('writes to a table have one result each', async () => {
    const number = fresh();
    await settle([parcel('a', { number }), parcel('b', { number: fresh() }), parcel('c', {})]);
    const writes = [
      parcel('a', { number }),
      parcel('b', { weight: 2 }),
      parcel('c', null),
      parcel('d', {}),
      parcel('d', null),
    ];
    expect((await settle(writes)).fates).toEqual(['unchanged', 'updated', 'deleted', 'created', 'deferred']);
  });

  test.each([
    ['at once', { number: 7 }],
    ['at the end of the batch', { box: 7 }],
  ])(
    'a write that the table refuses, %s, is refused alone, and the others are committed',
    async (_at, taken) => {
      await settle([parcel('first', taken)]);
      const notes = Array.from({ length: 4 }, () => note(fresh()));
      const rows = Array.from({ length: 4 }, (_, index) => parcel(`row ${index}`, {}));
      const writes = [...notes, ...rows.slice(0, 2), parcel('second', taken), ...rows.slice(2)];
      const { report, fates } = await settle(writes);
      const created = (number: number): string[] => Array.from({ length: number }, () => 'created');
      expect(fates).toEqual([...created(6), 'identity_conflict', ...created(2)]);
      // Nine, the four behind the first five, two of these, one alone: each fails once. Three halves commit, and the refusal.
      expect(report.errors).toEqual(['23505', '23505', '23505', '23505']);
      expect(report.transactions).toBe(8);
      expect(await count('parcel')).toBe(5);
    },
  );

  test('writes to a table become dead letters alone, or are reported, where no target says how to refuse them', async () => {
    const writes = [note(fresh()), parcel('heavy', { weight: -1 }), parcel('light', {})];
    const { report, fates } = await settle(writes);
    expect(fates).toEqual(['created', isIntake ? 'dead_letter' : 'failed', 'created']);
    expect(report.errors).toContain('23514');
    expect(await count('sluice.dead_letter')).toBe(isIntake ? 1 : 0);
  });

  test('writes to a table wait for a row that another transaction has locked, and the others are committed', async () => {
    await settle([parcel('locked', {})]);
    await other.query('begin');
    await other.query('select from parcel for update');
    const writes = [note(fresh()), parcel('locked', { weight: 9 }), parcel('free', {})];
    const { report, fates } = await settle(writes);
    await other.query('rollback');
    expect(fates).toEqual(['created', 'blocked', 'created']);
    expect(report.blocked[0]).toMatchObject({ awaits: [writes[1]!.writeId] });
  });

  test('writes to a table are ordered after a write of their key that waits in the intake', async () => {
    const waiting = parcel('awaited', {});
    await insertIntake(session, [waiting]);
    if (isIntake)
      await other.query('update sluice.intake set blocked_at = clock_timestamp(), was_blocked = true');
    const later = parcel('awaited', { weight: 2 });
    const origin = await originOf([later, parcel('alone', {})]);
    const report = await settleBatch(session, origin, { ...options, withBlocked: isIntake });
    expect(report.outcomes).toHaveLength(1);
    expect(report.blocked).toMatchObject([{ write: { writeId: later.writeId }, awaits: [waiting.writeId] }]);
  });

  test('writes to a table share idempotency keys with documents', async () => {
    const idempotencyKey = randomUUID();
    const row = parcel('keyed', {}, { idempotencyKey });
    const writes = [note(fresh(), { idempotencyKey }), row];
    const { report, fates: first } = await settle(writes);
    expect(first).toEqual(['created', 'deferred']);
    expect(report.errors).toEqual([]);
    const again = await settleBatch(session, isIntake ? await lead() : memoryOrigin([row]), options);
    expect(fates([row], again)).toEqual(['idempotency_key_reused']);
    expect(await count('parcel')).toBe(0);
  });

  test('a batch with both kinds, or one kind, of writes makes no extra round trip', async () => {
    await settle([note(-1)]);
    const flights = watchFlights();
    const alone = [note(fresh()), note(-1)];
    expect((await settle(alone)).fates).toEqual(['created', 'unchanged']);
    const begin = isIntake ? [['begin', 'lockFreeTerms', 'readReady']] : [];
    const end = isIntake
      ? ['settleWrites', 'commit', 'hintNodes']
      : ['insertDocuments', 'settleWrites', 'commit', 'hintAwaited'];
    // In the intake, the identities are read together with the writes.
    const facts = isIntake ? [] : [['begin', 'readAhead', 'readAliases']];
    const documents = [...begin, ...facts, ['lockFreeDocuments', 'readReferences'], end];
    const settling = (): string[][] => flights.filter((names) => names[0] !== 'insertIntake');
    expect(settling()).toEqual(documents);
    flights.length = 0;
    await settle([note(fresh()), parcel('beside', {})]);
    const bodies = [...end.slice(0, -2), isIntake ? 'readBodies' : 'readAhead'];
    const recorded = isIntake ? ['insertOutcomes', 'removeIntake'] : ['insertOutcomes'];
    expect(settling()).toEqual([
      ...begin,
      ...facts,
      bodies,
      [...recorded, 'check_constraints', ...end.slice(-2)],
    ]);
  });
});
