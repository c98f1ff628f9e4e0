// That aliases and references lead to documents is checked by triggers, in place of declared foreign keys. What a
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

/** Rows that lead to others, a statement that adds one, and one that deletes what it leads to. */
const sides = [
  {
    constraint: 'alias_names_a_document',
    target: documentId,
    insert: `insert into sluice.alias (referential_id, document_id, lane) values (gen_random_uuid(), $1, 0)`,
    update: `update sluice.alias set document_id = $1`,
    remove: 'delete from sluice.document where document_id = $1',
  },
  {
    constraint: 'reference_belongs_to_a_document',
    target: documentId,
    insert: `insert into sluice.reference (document_id, referential_id, lane) values ($1, '${referred}', 0)`,
    update: `update sluice.reference set document_id = $1`,
    remove: 'delete from sluice.document where document_id = $1',
  },
  {
    constraint: 'reference_leads_to_an_alias',
    target: referred,
    insert: `insert into sluice.reference (document_id, referential_id, lane) values ('${documentId}', $1, 0)`,
    update: `update sluice.reference set referential_id = $1`,
    remove: 'delete from sluice.alias where referential_id = $1',
  },
];

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

describe.each(sides)('$constraint', ({ constraint, target, insert, update, remove }) => {
  const violation = { code: '23503', constraint };

  test('a row whose constraint refers to nothing is refused', async () => {
    const client = await connect();
    await oneDocument(client);
    await expect(client.query(insert, [nobody])).rejects.toMatchObject(violation);
    await client.query(insert, [target]);
    await expect(client.query(update, [nobody])).rejects.toMatchObject(violation);
  });

  test('a row that others refer to is not deleted', async () => {
    const client = await connect();
    await oneDocument(client);
    await client.query(insert, [target]);
    await expect(client.query(remove, [target])).rejects.toMatchObject(violation);
  });

  test('a transaction that deletes waits for one that adds a row, and sees it', async () => {
    const [adder, remover, observer] = [await connect(), await connect(), await connect()];
    await oneDocument(adder);
    const pid = await pidOf(remover);
    await adder.query('begin');
    await adder.query(insert, [target]);
    const removal = remover.query(remove, [target]).catch((error: unknown) => error);
    await waitsForALock(observer, pid);
    await adder.query('commit');
    expect(await removal).toMatchObject(violation);
  });

  test('a transaction that adds a row waits for one that deletes, and finds nothing', async () => {
    const [adder, remover, observer] = [await connect(), await connect(), await connect()];
    await oneDocument(adder);
    const pid = await pidOf(adder);
    await remover.query('begin');
    await remover.query(remove, [target]);
    const addition = adder.query(insert, [target]).catch((error: unknown) => error);
    await waitsForALock(observer, pid);
    await remover.query('commit');
    expect(await addition).toMatchObject(violation);
  });
});

test.each(['repeatable read', 'serializable'])(
  'nothing is deleted in %s, where a snapshot older than the lock would miss rows',
  async (isolation) => {
    const client = await connect();
    await oneDocument(client);
    await client.query(`begin isolation level ${isolation}`);
    for (const remove of ['delete from sluice.alias', 'delete from sluice.document']) {
      await client.query('savepoint before');
      await expect(client.query(remove)).rejects.toMatchObject({ code: '0A000' });
      await client.query('rollback to before');
    }
  },
);

test('keys cannot be updated, and no table is truncated without those that refer to it', async () => {
  const client = await connect();
  await oneDocument(client);
  await client.query(sides[2]!.insert, [referred]);
  for (const [code, statement] of [
    ['0A000', 'update sluice.document set document_id = gen_random_uuid()'],
    ['0A000', 'update sluice.alias set referential_id = gen_random_uuid()'],
    ['23503', 'truncate sluice.document'],
    ['23503', 'truncate sluice.document, sluice.alias'],
    ['23503', 'truncate sluice.alias'],
    ['23503', 'truncate sluice.reference'],
    ['23503', 'truncate sluice.alias, sluice.reference'],
  ] as const) {
    await expect(client.query(statement)).rejects.toMatchObject({ code });
  }
  await client.query('truncate sluice.document, sluice.alias, sluice.reference');
});

test.each(['repeatable read', 'serializable'])(
  'nothing is truncated in %s, where rows committed after the snapshot would not be seen',
  async (isolation) => {
    const [adder, remover] = [await connect(), await connect()];
    await oneDocument(adder);
    await adder.query('truncate sluice.document, sluice.alias, sluice.reference');
    await remover.query(`begin isolation level ${isolation}`);
    await remover.query('select from sluice.setting');
    const insert = `insert into sluice.document (document_id, lane, resource, referential_id, version, content_hash, body)
                    values ($1, 0, 'r', $1, 1, '', '{}')`;
    await adder.query(insert, [documentId]);
    await adder.query('insert into sluice.alias values ($1, $1, 0)', [documentId]);
    await expect(remover.query('truncate sluice.document')).rejects.toMatchObject({ code: '0A000' });
    await remover.query('rollback');
    const { rows } = await adder.query(
      `select from sluice.alias a where not exists (select from sluice.document d where d.document_id = a.document_id)`,
    );
    expect(rows).toEqual([]);
  },
);

test('a transaction that truncates documents waits for one that adds one, and sees its references', async () => {
  const [adder, remover, observer] = [await connect(), await connect(), await connect()];
  await oneDocument(adder);
  await adder.query('truncate sluice.document, sluice.alias, sluice.reference');
  const pid = await pidOf(remover);
  await adder.query('begin');
  await adder.query(
    `insert into sluice.document (document_id, lane, resource, referential_id, version, content_hash, body)
     values ($1, 0, 'r', $1, 1, '', '{}')`,
    [documentId],
  );
  await adder.query('insert into sluice.alias values ($1, $1, 0)', [documentId]);
  const removal = remover.query('truncate sluice.document').catch((error: unknown) => error);
  await waitsForALock(observer, pid);
  await adder.query('commit');
  expect(await removal).toMatchObject({ code: '23503' });
});

test('a role that may insert needs no right to what a row refers to', async () => {
  const client = await connect();
  await oneDocument(client);
  const role = `${database.name}_inserter`;
  await client.query(`create role ${role} nologin`);
  try {
    await client.query(`grant usage on schema sluice to ${role}`);
    await client.query(`grant insert on sluice.alias, sluice.reference to ${role}`);
    await client.query(`set role ${role}`);
    for (const { insert, target, constraint } of sides) {
      await client.query('begin');
      await client.query(insert, [target]);
      await client.query('rollback');
      await expect(client.query(insert, [nobody])).rejects.toMatchObject({ code: '23503', constraint });
    }
  } finally {
    await client.query('reset role');
    await client.query(`drop owned by ${role}`);
    await client.query(`drop role ${role}`);
  }
});
