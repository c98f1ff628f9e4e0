// Batches of blocked writes that change or end in the middle: what a leader may block, and what it tells of a committed part.

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import {
  emptyReport,
  emptySettlement,
  lockedOrigin,
  refusal,
  settleBatch,
  settleOptions,
  togetherOrigin,
  type BatchReport,
  type Origin,
  type Target,
} from 'sluice/internal/batch';
import type { Write } from 'sluice/internal/protocol';
import { DatabaseError, Session } from 'sluice/internal/store';
import { laneOf } from 'sluice/model';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BlockedWrites } from '../../packages/sluice/src/writer/blocked-writes.ts';
import { settleBlocked } from '../../packages/sluice/src/writer/settle-blocked.ts';
import { Hints } from '../../packages/sluice/src/writer/wakeups.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { parcels, parcelTable, parcelTarget, plainWrite } from '../support/parcel-target.ts';
import { uuidOf } from '../support/plan-database.ts';
import { insertIntake } from '../support/row-write.ts';
import { fresh } from '../support/world.ts';

const database = useDatabase();
let session: Session;
let other: pg.Client;
let lanes: number[];
let terms: Map<number, number>;

beforeAll(async () => {
  const settings = { lock_timeout: '100ms' };
  session = await Session.open({ url: database.url, applicationName: 'cut batches', settings });
  other = new pg.Client(database.url);
  await other.connect();
  await other.query(parcelTable);
  await other.query('insert into sluice.lane (lane) select generate_series(0, 15)');
  const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  terms = new Map(rows.map(({ lane, term }) => [lane, Number(term)]));
  lanes = [...terms.keys()];
});

afterAll(async () => {
  await session.close();
  await other.end();
});

beforeEach(async () => {
  await other.query('truncate parcel, sluice.intake, sluice.awaited, sluice.dead_letter');
  await other.query('update sluice.lane set paused_at = null, paused_by = null');
});

/** Blocked parcels in the intake, in the order of their arrival. */
async function blockedParcels(
  count: number,
  weightOf: (place: number) => number = () => 1,
): Promise<Write[]> {
  const writes = Array.from({ length: count }, (_, place): Write => {
    const [writeId, referentialId] = [randomUUID(), uuidOf(`parcel ${fresh()}`)];
    return {
      ...plainWrite,
      writeId,
      lane: laneOf(referentialId, null, 16),
      position: 0,
      resource: parcels,
      documentId: writeId,
      referentialId,
      wasBlocked: true,
      body: JSON.stringify({ number: fresh(), weight: weightOf(place) }),
    };
  });
  await insertIntake(session, writes);
  await other.query('update sluice.intake set was_blocked = true, blocked_at = clock_timestamp()');
  await other.query(
    'insert into sluice.awaited (write_id, awaited_id, lane) select write_id, write_id, lane from sluice.intake',
  );
  return writes;
}

const wake = (write: Write): Promise<unknown> =>
  other.query('update sluice.intake set blocked_at = null where write_id = $1', [write.writeId]);

const idsOf = (writes: readonly Write[]): string[] => writes.map(({ writeId }) => writeId);

async function readyOnes(): Promise<string[]> {
  const { rows } = await other.query<{ id: string }>(
    'select write_id as id from sluice.intake where blocked_at is null',
  );
  return rows.map(({ id }) => id);
}

const optionsOf = (settle: Target['settle']) => ({
  ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
  targets: [{ ...parcelTarget, settle }],
});

/** Another transaction keeps each row locked, so the target blocks all writes. */
const blockAll: Target['settle'] = ({ writes }) =>
  Promise.resolve({
    ...emptySettlement(),
    blocked: writes.map((write) => ({ write, awaits: [write.writeId] })),
  });

const cuts: BatchReport[] = [];
const settle = (origin: Origin, target: Target['settle']): ReturnType<typeof settleBlocked> => {
  cuts.length = 0;
  const options = { settle: optionsOf(target), paused: new Set<number>() };
  return settleBlocked(session, origin, { ...options, onCut: (report) => cuts.push(report) });
};

test.each<[when: string, isBefore: boolean]>([
  ['before the leader of the cycle reads it', true],
  ['while the leader of the cycle settles it', false],
])('a write that its own leader wakes %s is not blocked by that other leader', async (_, isBefore) => {
  const [first, second] = (await blockedParcels(2)) as [Write, Write];
  if (isBefore) await wake(second);
  const { report, isWhole } = await settle(togetherOrigin(lanes, idsOf([first, second])), async (batch) => {
    await wake(second);
    return blockAll(batch);
  });
  expect({ isWhole, blocked: report.blocked, outcomes: report.outcomes }).toEqual({
    isWhole: false,
    blocked: [],
    outcomes: [],
  });
  expect(await readyOnes()).toEqual([second.writeId]);
});

test('a write of a cycle that its own leader wakes just before it is blocked alone ends no session', async () => {
  const [first, second] = (await blockedParcels(2)) as [Write, Write];
  const { isWhole } = await settle(togetherOrigin(lanes, idsOf([first, second])), async (batch) => {
    const isSecond = batch.writes[0]?.writeId === second.writeId;
    if (batch.writes.length === 1 && !isSecond) return parcelTarget.settle(batch);
    if (isSecond) {
      // Between the check of the cycle and its commit.
      const flight = session.flight.bind(session);
      let openings = 0;
      session.flight = async (statements, ...more) => {
        const answers = await flight(statements, ...more);
        if (statements.some(({ name }) => name === 'readWrites') && openings++ === 0) {
          session.flight = flight;
          await wake(second);
        }
        return answers;
      };
    }
    throw new DatabaseError({ sqlState: '53200', message: 'for a test' });
  });
  expect(isWhole).toBe(false);
  expect(await readyOnes()).toEqual([second.writeId]);
});

test('the leader of a cycle changes what its blocked writes await', async () => {
  const writes = await blockedParcels(2);
  const { report, isWhole } = await settle(togetherOrigin(lanes, idsOf(writes)), blockAll);
  expect([isWhole, report.blocked.length]).toEqual([true, 2]);
  expect(await readyOnes()).toEqual([]);
});

const heard = {
  hasReady: false,
  hasOverdue: false,
  hasBlocked: true,
  hasBlockedElsewhere: false,
  hasResumed: false,
  hasTaken: true,
  isDraining: false,
  sessionPids: [],
};

/** In halves: the last write fails, and `meanwhile` happens as soon as the first half is committed. */
async function settleInHalves(
  meanwhile: (batch: Parameters<Target['settle']>[0], last: Write) => Promise<void> | void,
): Promise<{ reports: BatchReport[]; blocked: BlockedWrites; attempt: Promise<number>; writes: Write[] }> {
  const writes = await blockedParcels(4, (place) => (place === 3 ? -1 : 1));
  const last = writes[3]!;
  const reports: BatchReport[] = [];
  const blocked = new BlockedWrites(session, {
    settle: optionsOf(async (batch) => {
      if (batch.writes.length < 4 && batch.writes.some(({ writeId }) => writeId === last.writeId))
        await meanwhile(batch, last);
      return parcelTarget.settle(batch);
    }),
    paused: new Set(),
    looks: new Hints({ perSecond: 1, burst: 1 }, () => undefined),
    onBatch: (report) => reports.push(report),
    findBlocker: () => Promise.resolve(null),
    onWoken: () => undefined,
  });
  blocked.hear(heard);
  // The look finds the writes that wait for a lock; the next round tries them.
  await blocked.wakeNext(terms, lanes, true);
  const attempt = blocked.wakeNext(terms, lanes, false);
  attempt.catch(() => undefined);
  return { reports, blocked, attempt, writes };
}

const settledIn = (reports: readonly BatchReport[]): string[] =>
  reports.flatMap(({ outcomes }) => outcomes.map(({ write }) => write.writeId)).toSorted();

test('a part of a batch that is committed is reported when an operator pauses a lane of the rest', async () => {
  let isPaused = false;
  const { reports, attempt, writes } = await settleInHalves(async ({ transaction }, { lane }) => {
    if (isPaused) return;
    isPaused = true;
    // This part fails at the end of its batch, and finds the lane paused when it is tried again.
    await transaction.run('rollback');
    await other.query(`update sluice.lane set paused_at = now(), paused_by = 'test' where lane = $1`, [lane]);
    throw new DatabaseError({ sqlState: '40001', message: 'for a test' });
  });
  expect(await attempt).toBe(2);
  expect(settledIn(reports)).toEqual(idsOf(writes.slice(0, 2)).toSorted());
});

test('a part of a batch that is committed is reported when the disk is full for the rest', async () => {
  const full = new DatabaseError({ sqlState: '53100', statement: 'insertOutcomes', message: 'for a test' });
  const { reports, attempt, writes } = await settleInHalves(() => Promise.reject(full));
  await expect(attempt).rejects.toBe(full);
  expect(settledIn(reports)).toEqual(idsOf(writes.slice(0, 2)).toSorted());
});

test('blocked writes that a lock held are settled by their own leader', async () => {
  const writes = await blockedParcels(2);
  const report = await settleBatch(
    session,
    lockedOrigin(terms, idsOf(writes)),
    optionsOf((batch) => parcelTarget.settle(batch)),
  );
  expect(report.outcomes).toHaveLength(2);
});

test('a leader goes on while the search for the session that holds a lock gets no answer, and asks once', async () => {
  await blockedParcels(1);
  let note: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (note = resolve));
  let tries = 0;
  let questions = 0;
  const blocked = new BlockedWrites(session, {
    settle: optionsOf(async () => {
      tries += 1;
      // The second try is one that waits, so the leader asks whom it waits for.
      if (tries > 1) await asked;
      throw new DatabaseError({ sqlState: '53200', message: 'for a test' });
    }),
    paused: new Set(),
    looks: new Hints({ perSecond: 1, burst: 1 }, () => undefined),
    onBatch: () => undefined,
    findBlocker() {
      questions += 1;
      note();
      return new Promise(() => undefined);
    },
    onWoken: () => undefined,
  });
  blocked.hear(heard);
  await blocked.wakeNext(terms, lanes, true);
  await eventually(async () => {
    await blocked.wakeNext(terms, lanes, false);
    expect(tries).toBe(3);
  });
  expect(questions).toBe(1);
});

test('a write that awaits a delete or an update wakes with its batch, although that never was blocked', async () => {
  const earlier = (['delete', 'update'] as const).map((operation) => ({ operation, writeId: randomUUID() }));
  const [write] = await blockedParcels(1);
  await other.query('truncate sluice.awaited');
  for (const { writeId } of earlier)
    await other.query('insert into sluice.awaited (write_id, awaited_id, lane) values ($1, $2, $3)', [
      write!.writeId,
      writeId,
      write!.lane,
    ]);
  const blocked = new BlockedWrites(session, {
    settle: optionsOf(blockAll),
    paused: new Set(),
    looks: new Hints({ perSecond: 1, burst: 1 }, () => undefined),
    onBatch: () => undefined,
    findBlocker: () => Promise.resolve(null),
    onWoken: () => undefined,
  });
  blocked.hear(heard);
  const outcomes = earlier.map((own) => ({
    write: { ...write!, ...own, wasBlocked: false },
    outcome: refusal({ ...write!, ...own }, 'document_not_found'),
  }));
  expect(await blocked.afterBatch({ ...emptyReport(), outcomes }, lanes)).toBe(1);
  expect(await readyOnes()).toEqual([write!.writeId]);
});
