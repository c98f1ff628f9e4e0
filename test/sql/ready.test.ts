// The drain reads its next batch. Where it expects the writes spares it a part of the read, and changes no result.

import { randomUUID } from 'node:crypto';
import { Session } from 'sluice/internal/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
let session: Session;

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'test' });
  // Every seventh is blocked, and lane 1 has most.
  await session.query(
    `insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, reference_ids,
       content_hash, client, blocked_at, node, body)
     select w.id, case when n % 5 < 3 then 1 else n % 4 end, 'upsert', 'r', w.id, w.id, '{}', '', '',
       case when n % 7 = 0 then clock_timestamp() end, 0, '{}'
     from generate_series(1, 400) n, lateral (select gen_random_uuid() as id where n > 0) w`,
  );
});
afterAll(() => session.close());

test.each([
  { lanes: [0, 1, 2, 3], low: [0, 0, 0, 0] },
  { lanes: [1], low: [120] },
  { lanes: [0, 2, 3], low: [50, 0, 200] },
  { lanes: [5], low: [0] },
])(
  'the first ready writes of lanes $lanes are the same, wherever they are expected',
  async ({ lanes, low }) => {
    for (const limit of [1, 10, 64, 500]) {
      const all = await session.query(
        `select i.position from sluice.intake i join unnest($1::smallint[], $2::bigint[]) as l (lane, low) on l.lane = i.lane
       where blocked_at is null and i.position > l.low order by i.position limit $3`,
        [lanes, low, limit],
      );
      for (const near of [0, 1, 60, 61, 130, 399, 400, 100_000]) {
        const read = await session.run('readReady', [lanes, limit, low, near, false]);
        expect(read.map(({ position }) => position)).toEqual(all.map(({ position }) => position));
      }
    }
  },
);

test('the first ready write tells which identities of all documents and their references exist', async () => {
  const [a, b, c, d] = Array.from({ length: 4 }, () => randomUUID());
  await session.query(
    `with stored as (
       insert into sluice.document (document_id, referential_id, version, lane, resource, content_hash, body)
       select id, id, 1, 0, 'r', '', '{}' from unnest($1::uuid[]) as id
     )
     insert into sluice.alias (referential_id, document_id, lane) select id, id, 0 from unnest($1::uuid[]) as id`,
    [[a, b, c]],
  );
  await session.query(
    `insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, superclass_id,
       reference_ids, content_hash, client, node, body, form)
     select gen_random_uuid(), 6, 'upsert', 'r', $4, own, super, refs::uuid[], '', '', 0, '{}', form
     from (values ($4::uuid, null::uuid, array[$1::uuid]::text, null), ($4, $2, '{}', null), ($3, null, '{}', 'upsert'))
       as w (own, super, refs, form)`,
    [a, b, c, d],
  );
  const read = (withKnown: boolean) => session.run('readReady', [[6], 10, [0], 0, withKnown]);
  const [first, ...others] = (await read(true)).map(({ known }) => known as string[] | null);
  // A row names its key by an identity, too, which is never that of a document.
  expect(new Set(first)).toEqual(new Set([a, b]));
  expect(first).toHaveLength(4);
  expect(others).toEqual([null, null]);
  expect((await read(false)).map(({ known }) => known)).toEqual([null, null, null]);
});
