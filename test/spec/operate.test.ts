// What a program does and asks as an operator: migrate, status and doctor, as functions of the package.

import pg from 'pg';
import { createClient, doctor, migrate, status, type Diagnosis, type SluiceError, type Status } from 'sluice';
import { createWriter } from 'sluice/writer';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { sql } from '../support/sql.ts';

const database = useDatabase();

const shop = {
  project: 'Shop',
  resources: [{ name: 'Order', endpoint: 'shop/orders', identity: ['$.number'] }],
};

const errorOf = (promise: Promise<unknown>): Promise<SluiceError> =>
  promise.then(
    () => expect.unreachable('it was taken'),
    (error: unknown) => error as SluiceError,
  );

describe('status', () => {
  test('status shows what the database holds, the leaders, and what needs attention', async () => {
    const model = shop;
    await using writer = await createWriter({ connectionString: database.writerUrl, model });
    await using client = await createClient({ connectionString: database.apiUrl, model });
    await client.upsert('shop/orders', { number: 1 });
    await expect.poll(() => writer.status().lanes.length).toBe(16);
    const answer = await status({ connectionString: database.opsUrl });
    expectTypeOf(answer).toEqualTypeOf<Status>();
    expect(answer).toMatchObject({ isHealthy: true, problems: [], documents: 1, writers: 1, backlog: 0 });
    expect(answer.lanes).toHaveLength(16);
  });

  test('status works while every process is down, through a pool, and names the limit of a long wait', async () => {
    const pool = new pg.Pool({ connectionString: database.opsUrl });
    const answer = await status({ pool, olderThanSeconds: 5 });
    await pool.end();
    expect(answer).toMatchObject({ isHealthy: false, olderThanSeconds: 5, lanesWithoutLeader: 16 });
    expect(answer.problems).toContain('lanes 0–15 without a leader');
  });
});

describe('doctor', () => {
  /** The servers of tests run without fsync, which is a fault. */
  const faultsOf = ({ findings }: Diagnosis): string[] =>
    findings
      .filter(({ verdict, check }) => verdict === 'fault' && check !== 'fsync')
      .map(({ check }) => check);

  test('doctor finds no fault in a sound deployment', async () => {
    const diagnosis = await doctor({ connectionString: database.opsUrl, model: shop, lanes: 16 });
    expectTypeOf(diagnosis).toEqualTypeOf<Diagnosis>();
    expect(faultsOf(diagnosis)).toEqual([]);
    expect(diagnosis.findings.map(({ check }) => check)).toContain('model');
  });

  test('doctor runs all checks as a role that lacks a right for some, and names those', async () => {
    const [whole, partial] = await Promise.all(
      [database.opsUrl, database.apiUrl].map((connectionString) => doctor({ connectionString, deep: {} })),
    );
    const unread = partial!.findings.filter(({ says }) => says.includes('this role lacks a right'));
    expect(unread.map(({ check, verdict }) => [check, verdict])).toEqual([['projections', 'warning']]);
    const names = ({ findings }: Diagnosis): string[] => findings.map(({ check }) => check);
    expect(names(partial!)).toEqual(names(whole!));
  });

  test('doctor compares the model and the lanes that processes are to start with', async () => {
    const model = { ...shop, project: 'Other' };
    const diagnosis = await doctor({ connectionString: database.opsUrl, model, lanes: 8 });
    expect(diagnosis.verdict).toBe('fault');
    expect(faultsOf(diagnosis)).toEqual(['lanes', 'model']);
  });
});

describe('migrate', () => {
  test('migrate makes a schema of another name, which status and doctor then read', async () => {
    const place = { connectionString: database.url, schema: 'operated' };
    expect((await migrate({ ...place, dryRun: true })).applied.length).toBeGreaterThan(0);
    expect((await migrate(place)).applied.length).toBeGreaterThan(0);
    expect((await migrate({ url: database.url, schema: 'operated' })).applied).toEqual([]);
    expect(await status(place)).toMatchObject({ documents: 0, lanes: [] });
    const { findings } = await doctor(place);
    expect(findings).toContainEqual(expect.objectContaining({ check: 'lanes', verdict: 'ok' }));
    await sql(database.url, 'drop schema operated cascade');
  });
});

test.each<[string, (options: object) => Promise<unknown>, object, string]>([
  ['migrate', (options) => migrate(options), { dryrun: true }, 'Cannot migrate: option dryrun is not known'],
  [
    'migrate with a long wait',
    (options) => migrate(options),
    { waitMs: 2 ** 31 },
    'Cannot migrate: option waitMs is invalid',
  ],
  [
    'migrate without a database',
    (options) => migrate(options),
    { connectionString: undefined },
    'Cannot migrate: give either connectionString or pool',
  ],
  [
    'status',
    (options) => status(options),
    { olderThan: 5 },
    'Cannot read the status: option olderThan is not known',
  ],
  ['status of no such schema', (options) => status(options), { schema: 'nowhere' }, 'run `sluice migrate`'],
  [
    'doctor',
    (options) => doctor(options),
    { lanes: 0 },
    'Cannot examine the deployment: option lanes is invalid',
  ],
])('%s refuses a wrong option by its name', async (_, call, options, message) => {
  const error = await errorOf(call({ connectionString: database.opsUrl, ...options }));
  expect(error.message).toContain(message);
});
