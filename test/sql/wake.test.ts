// An id may be awaited by hundreds of thousands of writes: they wake in slices, so that no statement meets its time limit,
// and none is left out.

import { Session } from 'sluice/internal/store';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
const awaited = '00000000-0000-5000-8000-00000000000a';
const lanes = [0, 1];
let session: Session;

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'test' });
});
afterAll(() => session.close());

/** Twenty-five blocked writes that await one id, in two lanes, and five in a lane of somebody else. */
beforeEach(async () => {
  await session.query('truncate sluice.intake, sluice.awaited');
  await session.query(
    `insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, reference_ids,
       content_hash, client, blocked_at, was_blocked, node, body)
     select w.id, n % 2 + case when n > 25 then 7 else 0 end, 'upsert', 'r', w.id, w.id, array[$1::uuid], '', '',
       clock_timestamp(), true, 0, '{}'
     from generate_series(1, 30) n, lateral (select gen_random_uuid() as id where n > 0) w`,
    [awaited],
  );
  await session.query(
    'insert into sluice.awaited (write_id, awaited_id, lane) select write_id, $1, lane from sluice.intake',
    [awaited],
  );
});

const blocked = async (): Promise<unknown> =>
  (await session.query('select count(*)::integer as n from sluice.intake where blocked_at is not null'))[0];

test.each([
  ['met', [awaited], []],
  ['gone', [], [awaited]],
])('writes that await an id that is %s wake slice by slice', async (_kind, met, gone) => {
  const wake = async () => (await session.run('wakeAwaiting', [met, gone, lanes, 10]))[0]!;
  expect(await wake()).toMatchObject({ woken: 10, has_more: true, elsewhere: [awaited] });
  expect(await wake()).toMatchObject({ woken: 10, has_more: true });
  expect(await wake()).toMatchObject({ woken: 5, has_more: false });
  expect(await blocked()).toEqual({ n: 5 });
});

test('the reason why a document does not come is recorded slice by slice, once', async () => {
  const note = async () =>
    (await session.run('noteFailures', [[awaited], ['invalid_document'], lanes, 10])).length;
  expect([await note(), await note(), await note(), await note()]).toEqual([10, 10, 5, 0]);
});
