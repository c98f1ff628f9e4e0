// Statements that read bodies read no more than they are allowed, and say what is left.

import { Session, type Row } from 'sluice/internal/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { sql } from '../support/sql.ts';

const database = useDatabase();
let session: Session;
const idOf = (number: number): string => `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`;
const gone = idOf(99);

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'test' });
  // Bodies of 110, 210, 310, 410 and 510 bytes as text: `{"a": "…"}`.
  const values = `('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid as id,
                  jsonb_build_object('a', repeat('x', 100 * n + 1)) as body from generate_series(1, 5) n`;
  await sql(
    database.url,
    `insert into sluice.document (document_id, referential_id, version, lane, resource, content_hash, body)
     select id, id, 1, 0, 'r', 'h', body from (select ${values}) v`,
  );
  await sql(database.url, `insert into sluice.alias select document_id, document_id, 0 from sluice.document`);
  await sql(
    database.url,
    `insert into sluice.reference (document_id, referential_id, lane) select document_id, $1, 0 from sluice.document
     where document_id <> $1`,
    [idOf(1)],
  );
  await sql(
    database.url,
    `insert into sluice.intake (write_id, document_id, referential_id, node, lane, operation, resource, content_hash,
                                client, reference_ids, body)
     select id, id, id, 1, 0, 'upsert', 'r', 'h', '', '{}', body from (select ${values}) v`,
  );
});
afterAll(() => session.close());

/** `place:bytes`, of one that did not fit `place!bytes`. */
const told = (rows: Row[]): string[] =>
  rows.map(
    ({ place, bytes, is_read: isRead }) =>
      `${place as number}${isRead === true ? ':' : '!'}${bytes as number}`,
  );

test('readDocuments stops at the first that does not fit, and returns its size', async () => {
  const read = (ids: string[], bytesMax: number, firstMax: number): Promise<Row[]> =>
    session.run('readDocuments', [ids, bytesMax, firstMax]);
  const ids = [1, 2, 3, 4, 5].map(idOf);
  expect(told(await read(ids, 2000, 2000))).toEqual(['1:110', '2:210', '3:310', '4:410', '5:510']);
  expect(told(await read(ids, 320, 320))).toEqual(['1:110', '2:210', '3!310']);
  expect(told(await read(ids.slice(2), 200, 310))).toEqual(['1:310', '2!410']);
  expect(told(await read(ids.slice(2), 200, 309))).toEqual(['1!310']);
  const rows = await read([gone, idOf(1), gone, idOf(2)], 320, 320);
  expect(rows.map((row) => (row['body'] as string | null)?.length ?? null)).toEqual([null, 110, null, 210]);
  expect((await read(ids, 320, 320)).at(-1)).toMatchObject({ body: null });
});

test('readDocument returns a document that is too large as its size alone', async () => {
  const [row] = await session.run('readDocument', [idOf(3), 'r', 310]);
  expect(row).toMatchObject({ bytes: 310, body: expect.stringContaining('xxx') as string });
  expect(await session.run('readDocument', [idOf(3), 'r', 309])).toMatchObject([{ bytes: 310, body: null }]);
});

test('readBodies passes over one that is too large, and stops at the first that does not fit', async () => {
  const read = async (ids: string[], bytesMax: number, firstMax: number): Promise<string[]> =>
    (await session.run('readBodies', [ids, bytesMax, firstMax])).map(
      ({ place, body, is_read: isRead }) =>
        `${place as number}${isRead === true ? ':' : '!'}${(body as string | null)?.length ?? ''}`,
    );
  const ids = [1, 2, 3, 4, 5].map(idOf);
  expect(await read([...ids, gone], 2000, 2000)).toEqual(['1:110', '2:210', '3:310', '4:410', '5:510', '6:']);
  expect(await read(ids, 320, 320)).toEqual(['1:110', '2:210', '3!']);
  expect(await read(ids.slice(2), 320, 320)).toEqual(['1:310', '2!']);
  expect(await read(ids.slice(3), 320, 320)).toEqual(['1:', '2:']);
});

test('readReferrerBodies gives no body beyond its bytes', async () => {
  const rows = await session.run('readReferrerBodies', [[idOf(1)], 10, 520]);
  expect(rows.map(({ body }) => (body as string | null)?.length ?? null)).toEqual([210, 310, null, null]);
  expect(rows.map((row) => row['reference_ids'])).toEqual(Array.from({ length: 4 }, () => [idOf(1)]));
});

test('readStuckBody returns a body that is too large as its size alone', async () => {
  expect(await session.run('readStuckBody', [idOf(2), 209])).toEqual([{ body: null, bytes: 210 }]);
  expect(await session.run('readStuckBody', [idOf(2), 210])).toMatchObject([{ bytes: 210 }]);
});

test('readWriteStates returns 200 of the things that a write awaits', async () => {
  await sql(database.url, `update sluice.intake set blocked_at = now() where write_id = $1`, [idOf(1)]);
  await sql(
    database.url,
    `insert into sluice.awaited (awaited_id, write_id, lane) select gen_random_uuid(), $1, 0 from generate_series(1, 300)`,
    [idOf(1)],
  );
  const [row] = await session.run('readWriteStates', [[idOf(1)], '']);
  expect(row!['awaits']).toHaveLength(200);
});
