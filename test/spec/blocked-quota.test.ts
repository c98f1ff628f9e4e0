// Asking to wait for documents that never come fills the intake: each client may do so only so often.

import { randomUUID } from 'node:crypto';
import { Database } from 'sluice/internal/store';
import { expect, onTestFinished, test } from 'vitest';
import { BlockedQuota } from '../../packages/sluice/src/client/blocked-quota.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { enrolment, fresh, startWorld, upsert } from '../support/world.ts';

const database = useDatabase();

test('a client may have a fixed number of blocked writes, whatever other clients have', async () => {
  const world = await startWorld(database.url, { client: { blockedWritesMax: 2 } });
  const wait = (client: string) =>
    world.node.accept(
      upsert('enrolments', enrolment(fresh(), fresh()), {
        client,
        idempotencyKey: randomUUID(),
        waitForReferencesSeconds: 600,
      }),
    );
  await wait('greedy');
  await wait('greedy');
  await eventually(async () => {
    const [row] = await world.sql(
      'select count(*)::integer as blocked from sluice.intake where blocked_at is not null',
    );
    expect(row).toEqual({ blocked: 2 });
  });
  // Counted once a second.
  await eventually(async () => {
    await expect(wait('greedy')).rejects.toMatchObject({ code: 'rate_limited', retryAfterSeconds: 5 });
  });
  await wait('modest');
  const plain = await world.node.submit(upsert('notes', { noteId: fresh() }, { client: 'greedy' }));
  expect(plain.result).toBe('created');
});

test('writes of one client that come together share one count of its blocked writes, and a failed one is repeated', async () => {
  const pool = new Database({ url: database.url, applicationName: 'quota' });
  onTestFinished(() => pool.close());
  let counts = 0;
  let limit: unknown = 'no number';
  const quota = new BlockedQuota({
    blockedWritesMax: 2,
    run(name, [client]) {
      counts += 1;
      return pool.run(name, [client, limit]);
    },
  });
  const checkTogether = () => Promise.all(Array.from({ length: 300 }, () => quota.check('many')));
  await expect(checkTogether()).rejects.toMatchObject({ sqlState: '22P02' });
  limit = 2;
  await checkTogether();
  expect(counts).toBe(2);
});
