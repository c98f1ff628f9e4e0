// Positions are given before a commit, so a write may appear below the position up to which the drain has read.

import { expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection } from '../support/sql.ts';
import { fresh, startWorld, untilShared, upsert, type World } from '../support/world.ts';

const database = useDatabase();

/** Lets a node insert its next write in a transaction that stays open: the position is given, the write not to be seen. */
async function insertLate(
  world: World,
): Promise<{ outcome: Promise<{ result: string }>; appear: () => Promise<void> }> {
  // What a node inserts waits for this lock in a trigger, after its position was given.
  const key = 7_000_000 + fresh();
  await world.sql(
    `create or replace function sluice.test_delay() returns trigger language plpgsql security definer as $$
     begin
       if new.client = 'late' then perform pg_advisory_xact_lock_shared(${key}); end if;
       return new;
     end $$`,
  );
  await world.sql('grant execute on function sluice.test_delay to public');
  await world.sql(
    'create or replace trigger test_delay before insert on sluice.intake for each row execute function sluice.test_delay()',
  );
  onTestFinished(async () => void (await world.sql('drop function sluice.test_delay cascade')));
  const holder = await openConnection(database.url);
  await holder.query('select pg_advisory_lock($1)', [key]);
  const node = await world.startNode();
  const outcome = node.submit(upsert('notes', { noteId: fresh() }, { client: 'late' }));
  await eventually(async () =>
    expect(
      await world.sql(
        `select from pg_locks where locktype = 'advisory' and not granted and objid = $1
         and database = (select oid from pg_database where datname = current_database())`,
        [key],
      ),
    ).toHaveLength(1),
  );
  return { outcome, appear: async () => void (await holder.query('select pg_advisory_unlock($1)', [key])) };
}

/** Settles writes in all lanes for a while, in which the drain looks many times who writes. */
async function settleMany(world: World): Promise<void> {
  for (const until = performance.now() + 1500; performance.now() < until;) {
    await Promise.all(Array.from({ length: 40 }, () => world.submit(upsert('notes', { noteId: fresh() }))));
  }
}

test('a write that appears far below the settled writes is settled, too', async () => {
  const world = await startWorld(database.url);
  await untilShared(world.writers);
  const { outcome, appear } = await insertLate(world);
  await settleMany(world);
  await appear();
  expect(await outcome).toMatchObject({ result: 'created' });
  const late = await world.sql(
    `select count(*)::int as later from sluice.outcome o, sluice.outcome l
     where l.client = 'late' and o.settled_at < l.settled_at`,
  );
  expect(late[0]?.['later']).toBeGreaterThan(40);
});

test('a blocked write that wakes far below the settled writes is settled before later ones', async () => {
  const world = await startWorld(database.url);
  await untilShared(world.writers);
  const schoolId = fresh();
  const enrolment = { enrolmentId: fresh(), schoolReference: { schoolId }, remarks: [] };
  const outcome = world.submit(upsert('enrolments', enrolment, { waitForReferencesSeconds: 60 }));
  await eventually(async () =>
    expect(await world.sql('select from sluice.intake where blocked_at is not null')).toHaveLength(1),
  );
  await settleMany(world);
  await world.submit(upsert('schools', { schoolId }));
  const after = await world.submit(upsert('notes', { noteId: fresh() }));
  const woken = await outcome;
  expect(woken).toMatchObject({ result: 'created' });
  // Batches have ids in their order.
  const order = await world.sql(
    `select w.batch_id <= a.batch_id as is_first from sluice.outcome w, sluice.outcome a
     where w.write_id = $1 and a.write_id = $2`,
    [woken.writeId, after.writeId],
  );
  expect(order).toEqual([{ is_first: true }]);
});
