// When a node in `local` mode begins a batch: by count, by age, or at once.

import { createClient, type ClientOptions } from 'sluice/internal/client';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model } from '../support/model.ts';
import { startSluice } from '../support/sluice.ts';
import { sql } from '../support/sql.ts';
import { fresh, startWorld, upsert, type World } from '../support/world.ts';

const database = useDatabase();
const sampleModel = fileURLToPath(
  new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url),
);

const setup = (client: Partial<ClientOptions> = {}): Promise<World> =>
  startWorld(database.url, { writers: 0, client: { mode: 'local', ...client } });
const nextTurn = (): Promise<void> => new Promise(setImmediate);

/** Submits writes, each in a turn of the event loop of its own, and gives the batches in which they were settled. */
async function batchesOf(world: World, writes: number): Promise<unknown[]> {
  const outcomes = [];
  for (let write = 0; write < writes; write++) {
    outcomes.push(world.submit(upsert('notes', { noteId: fresh() })));
    await nextTurn();
    await nextTurn();
  }
  const writeIds = (await Promise.all(outcomes)).map(({ writeId }) => writeId);
  const rows = await sql(
    database.url,
    'select batch_id from sluice.outcome where write_id = any($1) order by write_id',
    [writeIds],
  );
  expect(rows).toHaveLength(writes);
  return [...new Set(rows.map((row) => row['batch_id']))];
}

test('a batch in local mode begins once it has maxBatchWrites, however long the delay', async () => {
  const world = await setup({ maxBatchWrites: 3, maxBatchDelayMs: 10_000 });
  const since = performance.now();
  expect(await batchesOf(world, 6)).toHaveLength(2);
  expect(performance.now() - since).toBeLessThan(10_000);
});

test('a batch in local mode begins once its oldest write has waited for maxBatchDelayMs', async () => {
  const world = await setup({ maxBatchDelayMs: 400 });
  const since = performance.now();
  expect(await batchesOf(world, 3)).toHaveLength(1);
  expect(performance.now() - since).toBeGreaterThanOrEqual(399);
});

test('a write in local mode waits for no other by default', async () => {
  const world = await setup();
  expect(await batchesOf(world, 2)).toHaveLength(2);
});

test('a write in local mode that is not in a batch by the end of its wait is cancelled', async () => {
  const world = await setup({ maxBatchDelayMs: 10_000 });
  const outcome = await world.node.submit(upsert('notes', { noteId: fresh() }), { waitMs: 50 });
  expect(outcome).toMatchObject({ result: 'not_applied', code: 'cancelled' });
});

describe('sluice api', () => {
  // Of another model.
  const database = useDatabase();

  test('sluice api takes the count and the delay of local mode as flags', { timeout: 30_000 }, async () => {
    const flags = ['--mode', 'local', '--max-batch-writes', '2', '--max-batch-delay-ms', '10000'];
    const node = startSluice(['api', '--model', sampleModel, ...flags], {
      DATABASE_URL: database.writerUrl,
      SLUICE_PORT: '0',
    });
    const { url } = await node.event('ready');
    const post = (codeValue: string): Promise<number> =>
      fetch(`${String(url)}/data/sample/gradeLevelDescriptors`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ namespace: 'uri://sample.org/Grade', codeValue, shortDescription: 'x' }),
      }).then(({ status }) => status);
    const since = performance.now();
    expect(await Promise.all([post('first'), post('second')])).toEqual([201, 201]);
    expect(performance.now() - since).toBeLessThan(10_000);
    const rows = await sql(
      database.url,
      `select distinct batch_id from sluice.outcome where resource = 'sample/gradeLevelDescriptors'`,
    );
    expect(rows).toHaveLength(1);
    node.kill('SIGTERM');
    await node.ended;
  });
});

test.each([
  [{ maxBatchWrites: 0 }, 'Cannot start: maxBatchWrites is not a whole number from 1 to 10000: 0'],
  [{ maxBatchWrites: 1.5 }, 'Cannot start: maxBatchWrites is not a whole number from 1 to 10000: 1.5'],
  [{ maxBatchDelayMs: -1 }, 'Cannot start: maxBatchDelayMs is not a whole number from 0 to 10000: -1'],
  [{ maxBatchDelayMs: Number.NaN }, 'Cannot start: maxBatchDelayMs is not a whole number from 0'],
  [{ maxBatchDelayMs: 500, waitMs: 500 }, 'Cannot start: maxBatchDelayMs is not below waitMs, which is 500'],
  [{ flushWritesMax: 0 }, 'Cannot start: flushWritesMax is not a whole number from 1 to 10000: 0'],
  [{ fastPathWritesMax: -1 }, 'Cannot start: fastPathWritesMax is not a whole number from 0 to 512: -1'],
  [{ sessionsMax: 0 }, 'Cannot start: sessionsMax is not a whole number from 1 to 1000: 0'],
])('a client with %j does not start', (options, sentence) => {
  expect(() => createClient({ url: database.url, model, ...options })).toThrow(sentence);
});
