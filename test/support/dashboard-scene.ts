// A deployment in which everything is that the operators' page can show: traffic of an hour, writes that wait for each
// other, a cycle, dead letters, a paused lane, and names that would do harm if a browser took them for markup.

import { pauseLanes } from 'sluice/operator';
import type { Database } from 'sluice/internal/store';
import { expect, onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';
import { enrolment, fresh, friend, upsert, type World } from './world.ts';

export const hostile = `<img src=x onerror="document.title='taken'">"'&`;

/** Makes documents with a member `poison` impossible. */
export async function poison(world: World): Promise<() => Promise<void>> {
  await world.sql(`
    create or replace function public.refuse_poison() returns trigger language plpgsql as
    $$ begin raise exception 'no' using errcode = 'P0001'; end $$`);
  await world.sql(`
    create or replace trigger refuse_poison before insert or update on sluice.document for each row
    when (new.body ? 'poison') execute function public.refuse_poison()`);
  const cure = async (): Promise<void> => {
    await world.sql('drop trigger if exists refuse_poison on sluice.document');
  };
  onTestFinished(cure);
  return cure;
}

/** The first UUIDv7 of a time, as text. */
const idFloor = (at: string): string =>
  `(lpad(to_hex((extract(epoch from ${at}) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid::text`;

/** Outcomes as an hour of traffic leaves them: it swells and ebbs, and once something was slow. */
export async function tellOfAnHour(world: World): Promise<void> {
  await world.sql(`
    with drawn as materialized (
      select m.minute, w.number, now() - make_interval(mins => m.minute, secs => 60 * random()) as at
      from generate_series(0, 59) as m (minute)
      cross join generate_series(1, 600 + (400 * sin(m.minute / 9.0))::integer) as w (number)
    ),
    made as (select *, date_bin('400 ms', at, 'epoch') as batch_at from drawn)
    insert into sluice.outcome
      (write_id, batch_id, document_id, settled_at, version, term, ordinal, lane, result, code, resource, client, content_hash)
    select overlay(gen_random_uuid()::text placing substr(${idFloor('at')}, 1, 15) from 1)::uuid,
           overlay(md5(batch_at::text)::uuid::text
             placing substr(${idFloor("batch_at + interval '400 ms'")}, 1, 15) from 1)::uuid,
           gen_random_uuid(),
           batch_at + make_interval(secs => 0.42 + case when minute between 24 and 27 then 1.5 else 0 end),
           1, 1, number, (random() * 15.98 - 0.49)::integer, case when number % 60 = 7 then 'refused' else 'created' end,
           case when number % 60 = 7 then 'unresolved_reference' end, 'test/schools', 'loader', 'x'
    from made`);
}

/** Ids of writes that a test may look for. */
export interface Scene {
  /** Waits for a chain of others. */
  chained: string;
  /** Waits for itself, by way of another. */
  circular: string;
  deadLetters: string[];
}

export async function makeScene(world: World, operator: Database): Promise<Scene> {
  await poison(world);
  await tellOfAnHour(world);
  const waits = { waitForReferencesSeconds: 3_600 };
  const accept = async (...request: Parameters<typeof upsert>) =>
    (await world.node.accept(upsert(...request))).writeId;
  const deadLetters: string[] = [];
  for (const client of ['district-5', 'district-5', hostile]) {
    deadLetters.push(await accept('notes', { noteId: fresh(), poison: hostile }, { client }));
  }
  const [first, second, third, missing] = [fresh(), fresh(), fresh(), fresh()];
  await accept('friends', friend(first, missing, fresh(), fresh()), { ...waits, client: 'loader' });
  await accept('friends', friend(second, first), { ...waits, client: 'loader' });
  const chained = await accept('friends', friend(third, second, first), { ...waits, client: 'loader' });
  await accept('enrolments', enrolment(fresh(), fresh(), [fresh()]), { ...waits, client: hostile });
  const [one, other] = [fresh(), fresh()];
  const circular = await accept('friends', friend(one, other, missing), { ...waits, client: 'loader' });
  await accept('friends', friend(other, one), { ...waits, client: 'loader' });
  for (let number = 0; number < 20; number++)
    await accept('enrolments', enrolment(fresh(), fresh()), { ...waits, client: 'district-9' });
  await eventually(async () => {
    const [counts] = await world.sql(`
      select (select count(*) from sluice.intake where blocked_at is null)::integer as ready,
             (select count(*) from sluice.dead_letter)::integer as dead`);
    expect(counts).toEqual({ ready: 0, dead: deadLetters.length });
  });
  await pauseLanes(operator, [11], 'alice');
  onTestFinished(async () => {
    await world.sql('update sluice.lane set paused_at = null, paused_by = null');
    await world.sql('truncate sluice.intake, sluice.awaited, sluice.dead_letter, sluice.outcome');
  });
  return { chained, circular, deadLetters };
}
