// Given processes whose clocks are wrong: what is kept, for how long, and who says so. The database's clock decides.

import { fileURLToPath } from 'node:url';
import type { ClientObserver } from 'sluice/internal/client';
import { runDoctor } from 'sluice/operator';
import { Database, DatabaseClock } from 'sluice/internal/store';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { removeOld } from '../../packages/sluice/src/writer/upkeep.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startSluice } from '../support/sluice.ts';
import { openConnection, sql } from '../support/sql.ts';
import { enrolment, fresh, startWorld, upsert } from '../support/world.ts';

const hourMs = 3_600_000;
const database = useDatabase();
const shiftedClock = new URL('../support/shifted-clock.mjs', import.meta.url).href;
const sampleModel = fileURLToPath(
  new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url),
);

/** Deletes outcomes older than a day, as a writer does every minute. */
const retainDays = async (of: { writerUrl: string } = database): Promise<void> => {
  const writer = new Database({ url: of.writerUrl, applicationName: 'test', connectionsMax: 1 });
  await removeOld(writer, 24);
  await writer.close();
};

const millisecondsOf = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

afterEach(() => void vi.restoreAllMocks());

describe('given a node 25 hours behind and a writer 25 hours ahead', () => {
  const database = useDatabase();
  const kills: (() => void)[] = [];
  let url: string;
  let pids: Record<'node' | 'writer', number>;

  beforeAll(async () => {
    const start = (args: string[], databaseUrl: string, shiftMs: number) =>
      startSluice(
        [...args, '--model', sampleModel],
        {
          DATABASE_URL: databaseUrl,
          NODE_OPTIONS: `--import ${shiftedClock}`,
          TEST_CLOCK_SHIFT_MS: String(shiftMs),
        },
        (kill) => kills.push(kill),
      );
    const writer = start(['writer'], database.writerUrl, 25 * hourMs);
    const node = start(['api', '--port=0'], database.apiUrl, -25 * hourMs);
    pids = { node: node.pid, writer: writer.pid };
    await writer.event('ready');
    url = String((await node.event('ready'))['url']);
  }, 60_000);
  afterAll(() => kills.forEach((kill) => kill()));

  const post = async (codeValue: string, key: string) => {
    const response = await fetch(`${url}/data/sample/gradeLevelDescriptors`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({
        namespace: 'uri://sample.org/GradeLevelDescriptor',
        codeValue,
        shortDescription: 'x',
      }),
    });
    await response.text();
    return { status: response.status, location: response.headers.get('location') };
  };

  test('with wrong clocks, an outcome and its idempotency key survive retention', async () => {
    const first = await post('Kept', 'kept');
    expect(first.status).toBe(201);
    await retainDays(database);
    expect(await post('Kept', 'kept')).toEqual(first);
  });

  test('with wrong clocks, ids are made by the clock of the database', async () => {
    const { location } = await post('Numbered', 'numbered');
    const [row] = await sql(database.url, 'select extract(epoch from clock_timestamp()) * 1000 as now');
    expect(Math.abs(millisecondsOf(location!.split('/').at(-1)!) - Number(row?.['now']))).toBeLessThan(
      30_000,
    );
  });

  test('with wrong clocks, the doctor names each process and its difference', async () => {
    const operator = new Database({ url: database.opsUrl, applicationName: 'test', connectionsMax: 1 });
    const { findings } = await runDoctor(operator, { notificationMs: 10 });
    await operator.close();
    const clocks = findings.find(({ check }) => check === 'clocks');
    expect(clocks).toMatchObject({ verdict: 'fault', advice: expect.stringContaining('NTP') });
    expect(clocks?.says).toMatch(new RegExp(`node \\S+/${pids.node} is 90000 s behind`));
    expect(clocks?.says).toMatch(new RegExp(`writer \\S+/${pids.writer} is 90000 s ahead`));
    // This process's own clock is right.
    expect(findings.find(({ check }) => check === 'clock')?.verdict).toBe('ok');
  });
});

describe('an outcome', () => {
  const settle = async (id: string, settledAt: string, key: string | null = null): Promise<void> => {
    await sql(
      database.url,
      `insert into sluice.outcome (write_id, batch_id, ordinal, lane, result, resource, client, settled_at)
       values ($1, $1, 0, 0, 'created', 'test/notes', 'c', ${settledAt})`,
      [id],
    );
    if (key !== null)
      await sql(
        database.url,
        `insert into sluice.idempotency_key (client, key, fingerprint, write_id) values ('c', $2, '', $1)`,
        [id, key],
      );
  };
  const kept = async (): Promise<unknown[]> =>
    sql(
      database.url,
      `select o.write_id, k.key from sluice.outcome o full join sluice.idempotency_key k using (write_id)
       where coalesce(o.client, k.client) = 'c' order by 1, 2`,
    );
  const old = '00000000-0001-7000-8000-000000000001';
  const young = 'ffff0000-0000-7000-8000-000000000001';

  test('an outcome ages from the time it was settled, together with its key', async () => {
    await settle(old, 'clock_timestamp()', 'waited');
    await settle(young, `clock_timestamp() - interval '25 hours'`, 'of a node ahead');
    await retainDays();
    expect(await kept()).toEqual([{ write_id: old, key: 'waited' }]);
    await sql(
      database.url,
      `update sluice.outcome set settled_at = settled_at - interval '25 hours' where client = 'c'`,
    );
    await retainDays();
    expect(await kept()).toEqual([]);
  });

  test.each([48, -48])(
    'an outcome is kept or deleted alike by a writer whose clock is off by %i hours',
    async (hours) => {
      await settle(old, `clock_timestamp() - interval '23 hours'`, 'kept');
      await settle(young, `clock_timestamp() - interval '25 hours'`, 'forgotten');
      const now = Date.now.bind(Date);
      vi.spyOn(Date, 'now').mockImplementation(() => now() + hours * hourMs);
      await retainDays();
      expect(await kept()).toEqual([{ write_id: old, key: 'kept' }]);
      await sql(database.url, `delete from sluice.outcome where client = 'c'`);
    },
  );

  test.each([`delete from sluice.outcome where client = 'c'`, 'truncate sluice.outcome'])(
    'an outcome is deleted with its key: %s',
    async (statement) => {
      await settle(old, 'clock_timestamp()', 'one');
      await settle(young, 'clock_timestamp()', null);
      await sql(database.url, statement);
      expect(await kept()).toEqual([]);
    },
  );
});

test.each(['coordinated', 'local', 'direct'] as const)(
  'a key without its outcome is answered as expired, not as unapplied, in %s mode',
  async (mode) => {
    const world = await startWorld(database.url, { writers: 1, client: { mode } });
    const request = upsert('notes', { noteId: fresh(), mode }, { idempotencyKey: `lost ${mode}` });
    const { writeId } = await world.submit(request);
    const connection = await openConnection(database.url);
    await connection.query('set session_replication_role = replica');
    await connection.query('delete from sluice.outcome where write_id = $1', [writeId]);
    await expect(world.submit(request)).rejects.toMatchObject({ code: 'outcome_expired' });
    await expect(
      world.submit({ ...request, body: JSON.stringify({ noteId: fresh() }) }),
    ).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
  },
);

test('a write waits for references as long as asked, even if the clock of its node is changed', async () => {
  let blocked = 0;
  const observer: ClientObserver = {
    settled: (report) => void (blocked += report.blocked.length),
    answered() {},
    failed() {},
    inserted() {},
    taken() {},
    completed() {},
  };
  const world = await startWorld(database.url, { writers: 0, client: { mode: 'direct', observer } });
  const schoolId = fresh();
  const waiting = world.node.submit(
    upsert('enrolments', enrolment(fresh(), schoolId), { waitForReferencesSeconds: 60 }),
    { waitMs: 30_000 },
  );
  await eventually(() => expect(blocked).toBeGreaterThan(0));
  const now = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => now() + hourMs);
  const before = blocked;
  await eventually(() => expect(blocked).toBeGreaterThan(before + 1));
  await world.submit(upsert('schools', { schoolId }));
  expect(await waiting).toMatchObject({ result: 'created' });
});

test('a process computes the time of the database from its own clock, and logs the difference', async () => {
  const api = new Database({ url: database.apiUrl, applicationName: 'test', connectionsMax: 1 });
  const now = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => now() - 25 * hourMs);
  const clock = new DatabaseClock({ database: api, process: { kind: 'node' } });
  await clock.measure();
  expect(Math.abs(clock.now() - now())).toBeLessThan(60_000);
  vi.restoreAllMocks();
  expect(Math.abs(clock.now() - now())).toBeLessThan(60_000);
  await api.close();
  const [row] = await sql(
    database.url,
    `select ahead_ms / 3600000 as hours from sluice.process_clock where process_id = $1 order by measured_at desc limit 1`,
    [process.pid],
  );
  expect(row?.['hours']).toBeCloseTo(-25, 3);
});
