// Asking to wait for documents that never come fills the intake: each client may do so only so often.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
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
