// Rows that lead nowhere, as a restore half-way or a hand with triggers switched off leaves them: each kind is planted, on
// a database that is whole otherwise.

import { runDoctor, type DeepProgress } from 'sluice/operator';
import { Database } from 'sluice/internal/store';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createDatabase, useDatabase } from '../support/database.ts';
import { readText } from '../support/deployment.ts';
import { execute, roleUrl } from '../support/postgres.ts';
import { startSluice } from '../support/sluice.ts';
import { openConnection, sql } from '../support/sql.ts';
import { enrolment, fresh, startWorld, upsert } from '../support/world.ts';

const database = useDatabase();
const timeout = 60_000;
const id = (digit: string): string => `00000000-0000-7000-8000-00000000000${digit}`;

let operator: Database;

beforeAll(() => {
  operator = new Database({ url: database.opsUrl, applicationName: 'test', connectionsMax: 1 });
  return () => operator.close();
});

/** As a restore does it: no trigger fires. */
const plant = (text: string): Promise<unknown> =>
  execute(database.url, `set session_replication_role = replica; ${text}`);

const document = (documentId: string, referentialId: string): string =>
  `insert into sluice.document (document_id, referential_id, lane, resource, version, content_hash, body)
   values ('${documentId}', '${referentialId}', 0, 'r', 1, '', '{}')`;

async function findings(deep: NonNullable<Parameters<typeof runDoctor>[1]>['deep'] = {}) {
  const all = (await runDoctor(operator, { deep })).findings;
  const names =
    /^(aliases|documents|references|awaited|blocked|idempotency_keys|organizations|student_schools|deep)$/;
  return all.filter(({ check }) => names.test(check));
}

describe('doctor --deep', () => {
  test('doctor --deep reads all rows, and finds no fault in sound references', { timeout }, async () => {
    const world = await startWorld(database.url);
    for (let n = 0; n < 3; n++) {
      const schoolId = fresh();
      await world.submit(upsert('schools', { schoolId }, { idempotencyKey: `key ${n}` }));
      await world.submit(upsert('enrolments', enrolment(fresh(), schoolId)));
    }
    const { writeId } = await world.node.accept(
      upsert('enrolments', enrolment(fresh(), fresh()), { waitForReferencesSeconds: 600 }),
    );
    expect(writeId).not.toBe('');
    const looked = new Map<string, number>();
    const onProgress = ({ check, looked: rows }: DeepProgress): void => void looked.set(check, rows);
    const found = await findings({ sliceRows: 2, onProgress });
    expect(found.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    expect(found).toHaveLength(8);
    // Schools have an identity of their superclass, too.
    expect(Object.fromEntries(looked)).toMatchObject({
      aliases: 9,
      documents: 6,
      references: 3,
      idempotency_keys: 3,
    });
  });

  test.each([
    ['aliases', 'an alias of no document', `insert into sluice.alias values ('${id('a')}', '${id('b')}', 0)`],
    [
      'aliases',
      'an alias of a document that is known otherwise',
      `${document(id('1'), id('1'))}; insert into sluice.alias values ('${id('1')}', '${id('1')}', 0), ('${id('a')}', '${id('1')}', 0)`,
    ],
    ['documents', 'a document without an alias', document(id('a'), id('b'))],
    [
      'references',
      'a reference to nothing',
      `${document(id('a'), id('a'))}; insert into sluice.alias values ('${id('a')}', '${id('a')}', 0);
       insert into sluice.reference values ('${id('a')}', '${id('b')}', 0)`,
    ],
    [
      'references',
      'a reference of no document',
      `${document(id('1'), id('1'))}; insert into sluice.alias values ('${id('1')}', '${id('1')}', 0);
       insert into sluice.reference values ('${id('a')}', '${id('1')}', 0)`,
    ],
    [
      'awaited',
      'a row of awaited of a write that is not there',
      `insert into sluice.awaited (awaited_id, write_id, lane) values ('${id('b')}', '${id('a')}', 0)`,
    ],
    [
      'blocked',
      'a blocked write that awaits nothing',
      `insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, reference_ids,
         content_hash, client, blocked_at, was_blocked, node, body)
       values ('${id('a')}', 0, 'upsert', 'r', '${id('a')}', '${id('a')}', '{}', '', '', clock_timestamp(), true, 0, '{}')`,
    ],
    [
      'idempotency_keys',
      'a key without an outcome',
      `insert into sluice.idempotency_key (client, key, write_id, fingerprint) values ('c', 'k', '${id('a')}', '')`,
    ],
    [
      'organizations',
      'an organization without its document',
      `insert into sluice.organization values ('${id('a')}', 1, 'r', '{}', '{}')`,
    ],
    [
      'student_schools',
      'a student of a school without its document',
      `insert into sluice.student_school values ('${id('a')}', 's', 1)`,
    ],
  ])('doctor --deep finds, under %s, %s', { timeout }, async (check, _, statement) => {
    onTestFinished(async () => {
      const tables = 'alias, document, reference, awaited, idempotency_key, organization, student_school';
      for (const table of tables.split(', ')) {
        const key = { alias: 'referential_id', awaited: 'write_id', idempotency_key: 'write_id' }[table];
        await plant(
          `delete from sluice.${table} where ${key ?? 'document_id'} in ('${id('a')}', '${id('1')}')`,
        );
      }
      await plant(`delete from sluice.intake where write_id = '${id('a')}'`);
    });
    await plant(statement);
    const ill = (await findings({ sliceRows: 3 })).filter(({ verdict }) => verdict !== 'ok');
    expect(ill).toMatchObject([
      { check, verdict: 'fault', says: expect.stringContaining(`: ${id('a')}`) as string },
    ]);
    expect(ill[0]?.advice).toContain('docs/backup.md');
  });

  test(
    'doctor --deep finds no fault after the statements of docs/backup.md have run',
    { timeout },
    async () => {
      const text = readText('docs/backup.md');
      const [, statements] = /<!-- mending:[^>]*-->\s*```sql\n([^`]+)```/.exec(text)!;
      await plant(`${document(id('a'), id('b'))};
      insert into sluice.alias values ('${id('c')}', '${id('d')}', 0);
      insert into sluice.reference values ('${id('d')}', '${id('b')}', 0);
      insert into sluice.awaited (awaited_id, write_id, lane) values ('${id('b')}', '${id('a')}', 0);
      insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, reference_ids,
        content_hash, client, blocked_at, was_blocked, node, body)
      values ('${id('e')}', 0, 'upsert', 'r', '${id('e')}', '${id('e')}', '{}', '', '', clock_timestamp(), true, 0, '{}');
      insert into sluice.idempotency_key (client, key, write_id, fingerprint) values ('c', 'k', '${id('a')}', '');
      insert into sluice.organization values ('${id('c')}', 1, 'r', '{}', '{}');
      insert into sluice.student_school values ('${id('c')}', 's', 1)`);
      const ill = async () =>
        (await findings()).filter(({ verdict }) => verdict !== 'ok').map(({ check }) => check);
      expect(await ill()).toHaveLength(8);
      await execute(roleUrl(database.url, 'migrate'), statements!);
      expect(await ill()).toEqual([]);
      await plant(`delete from sluice.document where document_id = '${id('a')}';
      delete from sluice.alias where document_id = '${id('a')}'; delete from sluice.intake where write_id = '${id('e')}'`);
    },
  );

  test(
    'doctor --deep finds no fault in rows alone that were loaded as docs/backup.md says',
    { timeout },
    async () => {
      const target = await createDatabase();
      onTestFinished(() => target.drop());
      const owner = await openConnection(roleUrl(target.url, 'migrate'));
      const tables = (
        await sql(
          database.url,
          `select tablename as name from pg_tables where schemaname = 'sluice' order by 1`,
        )
      ).map(({ name }) => name as string);
      expect(tables.indexOf('alias')).toBeLessThan(tables.indexOf('document'));
      const load = async (table: string): Promise<void> => {
        const [row] = await sql(
          database.url,
          `select coalesce(jsonb_agg(t), '[]')::text as rows from sluice.${table} t`,
        );
        await owner.query(
          `insert into sluice.${table} overriding system value
         select * from jsonb_populate_recordset(null::sluice.${table}, $1::jsonb)`,
          [row!['rows']],
        );
      };
      await expect(load('alias')).rejects.toMatchObject({ code: '23503' });
      await owner.query('begin; truncate sluice.migration, sluice.projection');
      for (const table of tables) {
        await owner.query(`alter table sluice.${table} disable trigger all`);
        await load(table);
        await owner.query(`alter table sluice.${table} enable trigger all`);
      }
      await owner.query('commit');
      const restored = new Database({ url: target.opsUrl, applicationName: 'test', connectionsMax: 1 });
      onTestFinished(() => restored.close());
      const { findings: found } = await runDoctor(restored, { deep: {} });
      const deep = found.filter(({ check }) =>
        /^(aliases|documents|references|blocked|schema_parts)$/.test(check),
      );
      expect(deep.map(({ verdict }) => verdict)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
      expect(await sql(target.url, 'select count(*)::integer as n from sluice.document')).toEqual([{ n: 6 }]);
    },
  );

  test(
    'doctor --deep stops after the slice under way when told to, and reports its progress',
    { timeout },
    async () => {
      const stop = new AbortController();
      const ill = (
        await findings({ sliceRows: 1, signal: stop.signal, onProgress: () => stop.abort() })
      ).filter(({ verdict }) => verdict !== 'ok');
      expect(ill).toMatchObject([
        { check: 'deep', verdict: 'warning', says: expect.stringContaining('after 1 of them') as string },
      ]);
    },
  );

  test('doctor --deep is selected by a flag, and reports in JSON', { timeout }, async () => {
    const run = (...args: string[]) =>
      startSluice(['doctor', ...args], { DATABASE_URL: database.opsUrl }).ended;
    const [deep, shallow] = await Promise.all([run('--deep'), run()]);
    const checks = ({ last }: typeof deep): string[] =>
      (last['findings'] as { check: string }[]).map(({ check }) => check);
    expect(checks(deep)).toEqual(expect.arrayContaining(['aliases', 'references', 'blocked']));
    expect(checks(shallow)).not.toContain('aliases');
  });
});
