// Other programs that hold our advisory locks: the lane says that it has no leader and who holds its lock, everywhere an
// operator looks; nobody is counted as one of ours who is not; and a migration says for whom it waits.

import { explainWrite, listLanes, listStuck, listWriters, readStatus, runDoctor } from 'sluice/operator';
import { createNodeMetrics } from '@sluice/server/metrics';
import { applyRoles, Database, migrate, type LockHolder } from 'sluice/internal/store';
import pg from 'pg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { laneLines } from '../../packages/server/src/cli/operate/lane-lines.ts';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { rolePrefix } from '../support/postgres.ts';
import { startSluice } from '../support/sluice.ts';
import { sql } from '../support/sql.ts';
import { freshIn, startWorld, untilShared, upsert, type World } from '../support/world.ts';

const database = useDatabase();
const timeout = 60_000;
let operator: Database;

beforeAll(() => {
  operator = new Database({ url: database.opsUrl, applicationName: 'sluice test', connectionsMax: 1 });
  return () => operator.close();
});

interface Stranger {
  pid: number;
  since: string;
  leave: () => Promise<void>;
}

/** A session of another program that runs this, and keeps what it has locked. */
async function startStranger(text: string): Promise<Stranger> {
  const client = new pg.Client({ connectionString: database.url, application_name: 'nightly job' });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number; since: Date }>(
    'select pid, backend_start as since from pg_stat_activity where pid = pg_backend_pid()',
  );
  await client.query(text);
  let isOver = false;
  const leave = async (): Promise<void> => {
    if (!isOver) await client.end();
    isOver = true;
  };
  onTestFinished(leave);
  return { pid: rows[0]!.pid, since: rows[0]!.since.toISOString(), leave };
}

const noteIn = (lane: number) =>
  upsert('notes', { noteId: freshIn([lane], (noteId) => upsert('notes', { noteId })) });

const leads = (world: World, lanes: number): Promise<void> =>
  eventually(() => expect(world.writers[0]!.status().lanes).toHaveLength(lanes));

const holds: [[string, string], [string, string]] = [
  ['exclusively', 'select pg_advisory_lock(1936486757, 3)'],
  ['shared', 'select pg_advisory_lock_shared(1936486757, 3)'],
];

describe.each(firstOrAll(holds))('a lane whose lock another program holds, %s,', (_, text) => {
  test(
    'a lane whose lock another program holds has no leader, and each report names the holder',
    { timeout },
    async () => {
      const before = await startWorld(database.url);
      await untilShared(before.writers);
      // A leader that dies leaves its name on its lanes.
      await sql(
        database.url,
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where application_name = 'sluice writer' and datname = current_database()`,
      );
      await before.writers[0]!.stop();
      const stranger = await startStranger(text);
      const world = await startWorld(database.url, { client: { leaderGraceMs: 100 } });
      await leads(world, 15);
      const holder: LockHolder = {
        pid: stranger.pid,
        application: 'nightly job',
        role: new URL(database.url).username,
        since: stranger.since,
      };
      const held = `process ${holder.pid} (nightly job, role ${holder.role}, since ${holder.since})`;

      const lanes = await listLanes(operator);
      expect(lanes[3]).toMatchObject({ isLed: false, reason: 'lane_without_leader', lockedBy: holder });
      expect(lanes.filter(({ lockedBy }) => lockedBy !== null)).toHaveLength(1);
      expect((await listWriters(operator)).filter(({ state }) => state === 'leading')).toMatchObject([
        { lanes: 15 },
      ]);
      expect(laneLines(lanes, new Date().toISOString()).find((line) => line.startsWith('3 '))).toContain(
        `lock held by ${held}`,
      );
      const status = await readStatus(operator);
      expect(status.isHealthy).toBe(false);
      expect(status.problems).toContain('lane 3 without a leader');
      expect(status.problems).toContain(`lane 3 locked by ${held}`);
      const { findings } = await runDoctor(operator);
      expect(findings).toContainEqual(
        expect.objectContaining({
          check: 'strangers',
          verdict: 'fault',
          says: `The lock of lane 3 is held by ${held}`,
          advice: expect.stringContaining(`pg_terminate_backend(${holder.pid})`) as string,
        }),
      );
      expect(findings.find(({ check }) => check === 'leaders')?.verdict).not.toBe('ok');

      // What was accepted before waits, and tells why; nothing more is taken.
      const waiting = await before.node.accept(noteIn(3));
      await eventually(async () => {
        const { writes } = await listStuck(operator);
        expect(writes.map(({ writeId }) => writeId)).toEqual([waiting.writeId]);
        expect(explainWrite(writes[0]!)).toContain(`its lock is held by ${held}`);
      });
      await eventually(async () => expect((await world.node.status()).lanesWithoutLeader).toEqual([3]));
      await expect(world.node.submit(noteIn(3))).rejects.toMatchObject({ code: 'lane_without_leader' });
      const metrics = createNodeMetrics({ url: database.apiUrl, version: '0', mode: 'coordinated' });
      onTestFinished(() => metrics.close());
      const told = await metrics.text();
      expect(told).toMatch(/^sluice_unled_lanes 1$/m);
      expect(told).toMatch(
        new RegExp(
          `^sluice_lane_locked_by_stranger_seconds\\{lane="3",pid="${holder.pid}",application="nightly job",role="\\w+"\\} \\d`,
          'm',
        ),
      );

      await stranger.leave();
      await leads(world, 16);
      await eventually(async () =>
        expect(await before.node.readWrite('', waiting.writeId)).toMatchObject({ state: 'settled' }),
      );
      await eventually(async () =>
        expect((await readStatus(operator)).problems.filter((problem) => problem.includes('lane'))).toEqual(
          [],
        ),
      );
    },
  );
});

describe('locks of other programs', () => {
  test.each([
    [
      'a lock by one key of 64 bits that has the same bits',
      `select pg_advisory_lock((1936486757::bigint << 32) | 3)`,
    ],
    ['a lane that there is not', 'select pg_advisory_lock(1936486757, 2147483647)'],
    ['sessions that there are not', 'select pg_advisory_lock(1936486758, n) from generate_series(1, 5) as n'],
  ])('a lock of another program takes no lane: %s', { timeout }, async (_, text) => {
    const stranger = await startStranger(text);
    const world = await startWorld(database.url);
    await leads(world, 16);
    const status = await readStatus(operator);
    expect(status.problems).toEqual([]);
    expect(await listLanes(operator)).toHaveLength(16);
    await stranger.leave();
  });

  test('a session that poses as one of Sluice is reported', { timeout }, async () => {
    const world = await startWorld(database.url);
    await leads(world, 16);
    const stranger = await startStranger('select pg_advisory_lock(1936486758, pg_backend_pid())');
    const { findings } = await runDoctor(operator);
    const found = findings.find(({ check }) => check === 'strangers');
    expect(found).toMatchObject({ verdict: 'warning' });
    expect(found!.says).toContain(`process ${stranger.pid} (nightly job`);
    await stranger.leave();
    expect((await runDoctor(operator)).findings).toContainEqual(
      expect.objectContaining({ check: 'strangers', verdict: 'ok' }),
    );
  });
});

describe('a migration behind a lock', () => {
  test(
    'a migration that waits for a lock names the holder, and goes on when the lock is free',
    { timeout },
    async () => {
      const stranger = await startStranger('select pg_advisory_lock(1936486756, 0)');
      const told: LockHolder[][] = [];
      const migrating = migrate({ url: database.url, onWait: (holders) => void told.push([...holders]) });
      await eventually(() => expect(told).toHaveLength(1));
      expect(told[0]).toMatchObject([
        { pid: stranger.pid, application: 'nightly job', since: stranger.since },
      ]);
      await stranger.leave();
      expect(await migrating).toMatchObject({ applied: [] });
    },
  );

  test(
    'a migration and the roles end with a sentence after their longest wait for a lock',
    { timeout },
    async () => {
      const stranger = await startStranger('select pg_advisory_lock(1936486756, 0)');
      const says = `a lock was not given back within 3 s by process ${stranger.pid} (nightly job`;
      const settings = { DATABASE_URL: database.url };
      const [{ code, last, stderr }, refused] = await Promise.all([
        startSluice(['migrate', '--wait', '3s'], settings).ended,
        applyRoles({ url: database.url, prefix: rolePrefix, waitMs: 3000 }).catch(
          (error: unknown) => error as Error,
        ),
      ]);
      expect(code).toBe(1);
      expect(last).toMatchObject({
        error: {
          code: 'database_unavailable',
          message: expect.stringContaining(`Cannot migrate: ${says}`) as string,
        },
      });
      expect(stderr).toContain(`Waiting for a lock that is held by process ${stranger.pid} (nightly job`);
      expect((refused as Error).message).toContain(says);
    },
  );

  test('a migration that waits for a lock is reported in the lines of the program', { timeout }, async () => {
    const stranger = await startStranger('select pg_advisory_lock(1936486756, 0)');
    const migrating = startSluice(['migrate'], { DATABASE_URL: database.url });
    expect(await migrating.event('waiting')).toMatchObject({
      for: [{ pid: stranger.pid, application: 'nightly job' }],
    });
    await stranger.leave();
    expect(await migrating.ended).toMatchObject({ code: 0, last: { applied: [] } });
  });
});
