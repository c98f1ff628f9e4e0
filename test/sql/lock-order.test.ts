// In which order the statements of a batch lock rows: sql/README.md, invariant 6. Each is stopped by a lock of somebody
// else, and the rows that it has locked by then are looked at.

import { Session } from 'sluice/internal/store';
import type pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection, sql } from '../support/sql.ts';

const database = useDatabase();
let last = 0;
const id = (): string => `00000000-0000-7000-8000-${String(++last).padStart(12, '0')}`;

async function openSession(): Promise<Session> {
  const session = await Session.open({ url: database.url, applicationName: 'batch' });
  onTestFinished(() => session.close());
  return session;
}

async function begin(): Promise<pg.Client> {
  const client = await openConnection(database.url);
  await client.query('begin');
  return client;
}

/** Documents by their ids, each with an identity and a reference to the next: the keys of those fall as the ids rise. */
async function store(count: number): Promise<{ documentId: string; referentialId: string }[]> {
  const ids = Array.from({ length: 2 * count }, id);
  const documents = ids
    .slice(0, count)
    .map((documentId, index) => ({ documentId, referentialId: ids[2 * count - 1 - index]! }));
  const columns = [documents.map((each) => each.documentId), documents.map((each) => each.referentialId)];
  const from =
    'from unnest($1::uuid[], $2::uuid[]) with ordinality as d (document_id, referential_id, place)';
  await sql(
    database.url,
    `insert into sluice.document (document_id, referential_id, version, lane, resource, content_hash, body)
     select document_id, referential_id, 1, 0, 'test/notes', '', '{}' ${from} order by place`,
    columns,
  );
  await sql(
    database.url,
    `insert into sluice.alias (referential_id, document_id, lane)
     select referential_id, document_id, 0 ${from} order by place`,
    columns,
  );
  await sql(
    database.url,
    `insert into sluice.reference (document_id, referential_id, lane)
     select document_id, referential_id, 0 ${from} order by place`,
    columns,
  );
  return documents;
}

/** Until the session waits for a lock. */
const untilWaiting = (): Promise<void> =>
  eventually(async () =>
    expect(
      await sql(
        database.url,
        `select from pg_stat_activity where datname = current_database() and application_name = 'batch'
           and cardinality(pg_blocking_pids(pid)) > 0`,
      ),
    ).toHaveLength(1),
  );

describe('what a batch removes is locked in the order of its keys', () => {
  const cases: {
    name: string;
    table: string;
    key: 'documentId' | 'referentialId';
    column: string;
    values: (documents: readonly { documentId: string; referentialId: string }[]) => unknown[];
  }[] = [
    {
      name: 'removeReferences',
      table: 'reference',
      key: 'referentialId',
      column: 'referential_id',
      values: (documents) => [
        documents.map(({ documentId }) => documentId),
        documents.map(({ referentialId }) => referentialId),
      ],
    },
    {
      name: 'removeAliases',
      table: 'alias',
      key: 'referentialId',
      column: 'referential_id',
      values: (documents) => [documents.map(({ documentId }) => documentId)],
    },
    {
      name: 'removeIdentities',
      table: 'alias',
      key: 'referentialId',
      column: 'referential_id',
      values: (documents) => [documents.map(({ referentialId }) => referentialId).toReversed()],
    },
    {
      name: 'removeDocuments',
      table: 'document',
      key: 'documentId',
      column: 'document_id',
      values: (documents) => [
        documents.map(({ documentId }) => documentId).toReversed(),
        documents.map(() => 1),
      ],
    },
  ];

  test.each(cases)(
    '$name locks the removed rows of a batch in the order of their keys',
    async ({ name, table, key, column, values }) => {
      const documents = await store(3);
      const keys = documents.map((each) => each[key]).sort();
      const holder = await begin();
      await holder.query(`select from sluice.${table} where ${column} = $1 for update`, [keys[1]]);
      const session = await openSession();
      await session.flight([{ name: 'begin' }]);
      const removed = session.flight([{ name, values: values(documents) }]).catch(() => undefined);
      await untilWaiting();
      const free = await sql(
        database.url,
        `select ${column} as key from sluice.${table} where ${column} = any($1) for update skip locked`,
        [keys],
      );
      // The first is locked, the second waited for, the third left for later.
      expect(free).toEqual([{ key: keys[2] }]);
      await holder.query('rollback');
      await removed;
      await session.flight([{ name: 'rollback' }]);
    },
  );
});

test('settleWrites takes the rows of its tables in the order that sql/README.md gives', async () => {
  const [writeId, documentId, referentialId, referred] = [id(), id(), id(), id()];
  await sql(
    database.url,
    `insert into sluice.intake (write_id, document_id, referential_id, node, lane, operation, resource, content_hash,
       client, reference_ids, body) values ($1, $2, $3, 1, 0, 'upsert', 'test/notes', '', '', '{}', '{}')`,
    [writeId, documentId, referentialId],
  );
  const [other] = await store(1);
  await sql(database.url, 'insert into sluice.alias (referential_id, document_id, lane) values ($1, $2, 0)', [
    referred,
    other!.documentId,
  ]);
  const document = `insert into sluice.document
    (document_id, referential_id, version, lane, resource, content_hash, body) values ($1, $2, 1, 0, '', '', '{}')`;
  /** Each stands in the way at one table. */
  const locks: Record<string, [text: string, values: unknown[]]> = {
    intake: ['select from sluice.intake where write_id = $1 for update', [writeId]],
    outcome: [
      `insert into sluice.outcome (write_id, batch_id, ordinal, lane, result, resource, client)
       values ($1, $1, 0, 0, 'created', '', '')`,
      [writeId],
    ],
    alias: [
      'insert into sluice.alias (referential_id, document_id, lane) values ($1, $2, 0)',
      [referentialId, other!.documentId],
    ],
    document: [document, [documentId, referentialId]],
    'the alias referred to': ['select from sluice.alias where referential_id = $1 for update', [referred]],
  };
  const holders = new Map<number, [string, pg.Client]>();
  for (const [name, [text, values]] of Object.entries(locks)) {
    const client = await begin();
    await client.query(text, values);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    holders.set(rows[0]!.pid, [name, client]);
  }
  const session = await openSession();
  await session.flight([{ name: 'begin' }]);
  const settled = session.flight([
    {
      name: 'settleWrites',
      values: [
        id(),
        [writeId],
        [null],
        [0],
        ['created'],
        [null],
        ['test/notes'],
        [''],
        [documentId],
        [1],
        [''],
        [null],
        [true],
        true,
        [referentialId],
        [documentId],
        [0],
        [documentId],
        [referred],
        [0],
        '',
      ],
    },
  ]);
  const order: string[] = [];
  while (holders.size > 0) {
    const [pid] = await eventually(async () => {
      const rows = await sql(
        database.url,
        `select unnest(pg_blocking_pids(pid)) as pid from pg_stat_activity
         where datname = current_database() and application_name = 'batch'`,
      );
      const pids = rows.map((row) => row['pid'] as number).filter((each) => holders.has(each));
      expect(pids).toHaveLength(1);
      return pids;
    });
    const [name, client] = holders.get(pid!)!;
    order.push(name);
    holders.delete(pid!);
    await client.query('rollback');
  }
  await settled;
  await session.flight([{ name: 'rollback' }]);
  expect(order).toEqual(['intake', 'outcome', 'alias', 'document', 'the alias referred to']);
});
