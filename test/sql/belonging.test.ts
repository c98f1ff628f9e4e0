// That aliases and references belong to documents is checked by triggers, in place of declared foreign keys. What a
// declared one would refuse is refused, also when two transactions meet; each case was seen to fail without its trigger.

import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection } from '../support/sql.ts';

const database = useDatabase();
const connect = (): Promise<pg.Client> => openConnection(database.url);

const documentId = '00000000-0000-7000-8000-000000000001';
const nobody = '00000000-0000-7000-8000-00000000dead';
const referred = '00000000-0000-5000-8000-00000000000a';

/** A database with one document, and one identity of another that can be referred to. */
async function oneDocument(client: pg.Client): Promise<void> {
  await client.query('truncate sluice.document, sluice.alias, sluice.reference');
  const insert = `insert into sluice.document (document_id, lane, resource, referential_id, version, content_hash, body)
                  values ($1, 0, 'r', $1, 1, '', '{}')`;
  await client.query(insert, [documentId]);
  await client.query(insert, [referred]);
  await client.query('insert into sluice.alias values ($1, $1, 0)', [referred]);
}

/** Rows that name a document, and a statement that adds one for it. */
const sides = [
  {
    table: 'alias',
    constraint: 'alias_names_a_document',
    insert: `insert into sluice.alias (referential_id, document_id, lane) values (gen_random_uuid(), $1, 0)`,
    update: `update sluice.alias set document_id = $1`,
  },
  {
    table: 'reference',
    constraint: 'reference_belongs_to_a_document',
    insert: `insert into sluice.reference (document_id, referential_id, lane) values ($1, '${referred}', 0)`,
    update: `update sluice.reference set document_id = $1`,
  },
];
const remove = 'delete from sluice.document where document_id = $1';

/** Until the server says that this session waits for another's lock. */
async function waitsForALock(observer: pg.Client, pid: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await observer.query('select wait_event_type from pg_stat_activity where pid = $1', [
      pid,
    ]);
    expect(rows[0]).toEqual({ wait_event_type: 'Lock' });
  });
}

async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}

describe.each(sides)('$table', ({ constraint, insert, update }) => {
  const violation = { code: '23503', constraint };

  test('a row for a document that does not exist is refused', async () => {
    const client = await connect();
    await oneDocument(client);
    await expect(client.query(insert, [nobody])).rejects.toMatchObject(violation);
    await client.query(insert, [documentId]);
    await expect(client.query(update, [nobody])).rejects.toMatchObject(violation);
  });

  test('a document that still has rows is not deleted', async () => {
    const client = await connect();
    await oneDocument(client);
    await client.query(insert, [documentId]);
    await expect(client.query(remove, [documentId])).rejects.toMatchObject(violation);
  });

  test('who deletes waits for who adds a row, and sees it', async () => {
    const [adder, remover, observer] = [await connect(), await connect(), await connect()];
    await oneDocument(adder);
    const pid = await pidOf(remover);
    await adder.query('begin');
    await adder.query(insert, [documentId]);
    const removal = remover.query(remove, [documentId]).catch((error: unknown) => error);
    await waitsForALock(observer, pid);
    await adder.query('commit');
    expect(await removal).toMatchObject(violation);
  });

  test('who adds a row waits for who deletes, and finds no document', async () => {
    const [adder, remover, observer] = [await connect(), await connect(), await connect()];
    await oneDocument(adder);
    const pid = await pidOf(adder);
    await remover.query('begin');
    await remover.query(remove, [documentId]);
    const addition = adder.query(insert, [documentId]).catch((error: unknown) => error);
    await waitsForALock(observer, pid);
    await remover.query('commit');
    expect(await addition).toMatchObject(violation);
  });
});

test.each(['repeatable read', 'serializable'])(
  'a snapshot older than the lock would miss rows: nothing is deleted in %s',
  async (isolation) => {
    const client = await connect();
    await oneDocument(client);
    await client.query(`begin isolation level ${isolation}`);
    await expect(client.query(remove, [documentId])).rejects.toMatchObject({ code: '0A000' });
  },
);

test('a document keeps its id, and is truncated with its rows only', async () => {
  const client = await connect();
  await oneDocument(client);
  await expect(
    client.query('update sluice.document set document_id = $1 where document_id = $2', [nobody, documentId]),
  ).rejects.toMatchObject({ code: '0A000' });
  await expect(client.query('truncate sluice.document')).rejects.toMatchObject({ code: '23503' });
  await client.query('truncate sluice.document, sluice.alias, sluice.reference');
});
