// What a role must be allowed to do for a process is looked at when it starts, and named where it is missing; and whatever
// fails later leaves its cause in the log.

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { defineProjection } from 'sluice/internal/batch';
import { createClient, type ClientOptions } from 'sluice/internal/client';
import { createWriter } from 'sluice/internal/writer';
import { describeError } from 'sluice/internal/protocol';
import { Database, readAbility, roleName, type Duty } from 'sluice/internal/store';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { rolePrefix, roleUrl } from '../support/postgres.ts';
import { startSluice } from '../support/sluice.ts';
import { sql } from '../support/sql.ts';
import { fresh, friend, remove, startWorld, untilCancelled, upsert } from '../support/world.ts';

const database = useDatabase();
const sample = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
const timeout = 60_000;

const nodeAs = (url: string, options: Partial<ClientOptions>): Promise<void> => {
  const node = createClient({ url, model, ...options });
  onTestFinished(() => node.stop());
  return node.start();
};

const writersRole = /the database role \w+ lacks .*insert on sluice\.document.*; use the role of writers/;

describe('a process whose role may not do what it is for', () => {
  test.each([
    [
      'a node in direct mode',
      'api',
      { mode: 'direct' },
      /^Cannot start in direct mode: .*or --mode coordinated$/,
      writersRole,
    ],
    [
      'a node in local mode',
      'api',
      { mode: 'local' },
      /^Cannot start in local mode: .*or --mode coordinated$/,
      writersRole,
    ],
    [
      'a node with bypass',
      'api',
      { onOverload: 'bypass' },
      /^Cannot start with --on-overload bypass: .*or --on-overload refuse$/,
      writersRole,
    ],
    [
      'a coordinated node',
      'ops',
      {},
      /^Cannot start the node: the database role \w+_ops lacks .*insert on sluice\.setting.*use the role of nodes/,
      /./,
    ],
  ] as const)(
    'a process without its rights does not start, and says which are missing: %s',
    async (_, role, options, sentence, more) => {
      const error: unknown = await nodeAs(roleUrl(database.url, role), options).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({
        code: 'configuration_invalid',
        message: expect.stringMatching(sentence) as string,
      });
      expect((error as Error).message).toMatch(more);
    },
  );

  test('a process without the rights of a writer does not start as a writer', async () => {
    const writer = createWriter({ url: database.apiUrl, model });
    onTestFinished(() => writer.stop());
    await expect(writer.start()).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringMatching(/^Cannot start the writer: .*lacks .*update on sluice\.lane/) as string,
    });
  });

  test('a process without its rights ends with the exit code of a wrong setting', { timeout }, async () => {
    const settings = { DATABASE_URL: database.apiUrl, SLUICE_MODEL: sample, SLUICE_MODE: 'direct' };
    const { code, last } = await startSluice(['api', '--port', '0'], settings).ended;
    expect(code).toBe(2);
    expect(last).toMatchObject({ error: { code: 'configuration_invalid' } });
  });
});

describe('the rights that are looked for', () => {
  const duties: [string, 'api' | 'writer', Duty[]][] = [
    ['a node', 'api', ['submit']],
    ['a node that settles', 'writer', ['settle', 'at_once']],
    ['a writer', 'writer', ['lead', 'lock']],
  ];

  test.each(duties)('the checked rights are those that sql/roles.sql gives: %s', async (_, role, wanted) => {
    const reader = new Database({
      url: roleUrl(database.url, role),
      applicationName: 'test',
      connectionsMax: 1,
    });
    onTestFinished(() => reader.close());
    expect(await readAbility((...query) => reader.run(...query), wanted)).toEqual({
      isReadOnly: false,
      role: roleName(role, rolePrefix),
      missing: [],
    });
  });

  /** A role that has these rights and no others. */
  async function createExactRole(wanted: Duty[]): Promise<string> {
    const role = `sluice_test_exact_${randomBytes(4).toString('hex')}`;
    await sql(database.url, `create role ${role} login password 'exact'`);
    await sql(database.url, `grant connect on database ${database.name} to ${role}`);
    onTestFinished(async () => void (await sql(database.url, `drop owned by ${role}; drop role ${role}`)));
    const url = new URL(database.url);
    url.username = role;
    url.password = 'exact';
    const reader = new Database({ url: url.href, applicationName: 'test', connectionsMax: 1 });
    onTestFinished(() => reader.close());
    const missing = async (): Promise<string[]> =>
      (await readAbility((...query) => reader.run(...query), wanted)).missing;
    const all = await missing();
    expect(all).toContain('usage on schema sluice');
    expect(all.length).toBeGreaterThan(10);
    for (const right of all) {
      const [privilege, name] = right.split(' on ') as [string, string];
      const found = await sql(
        database.url,
        `select p.oid::regprocedure::text as signature from pg_proc p
         where p.pronamespace::regnamespace || '.' || p.proname = $1
           and (p.pronamespace <> 'pg_catalog'::regnamespace or p.pronargs = 2)`,
        [name],
      );
      const object = privilege === 'execute' ? `function ${found[0]!['signature'] as string}` : name;
      await sql(database.url, `grant ${privilege} on ${object} to ${role}`);
    }
    expect(await missing()).toEqual([]);
    return url.href;
  }

  test('the checked rights are enough for all that a process does', { timeout }, async () => {
    const [submitUrl, settleUrl, leadUrl] = [
      await createExactRole(['submit']),
      await createExactRole(['settle', 'at_once']),
      await createExactRole(['lead', 'lock']),
    ];
    const writer = createWriter({ url: leadUrl, model });
    onTestFinished(() => writer.stop());
    await writer.start();
    await eventually(() => expect(writer.status().lanes).toHaveLength(16));
    for (const options of [
      { url: submitUrl },
      { url: settleUrl, mode: 'direct' },
      { url: settleUrl, mode: 'local' },
    ] satisfies Partial<ClientOptions>[]) {
      const node = createClient({ model, ...options });
      onTestFinished(() => node.stop());
      await node.start();
      const noteId = fresh();
      const made = await node.submit(upsert('notes', { noteId }, { idempotencyKey: `key ${noteId}` }));
      expect(made).toMatchObject({ result: 'created' });
      expect(await node.submit(upsert('notes', { noteId, text: 'x' }))).toMatchObject({ result: 'updated' });
      expect(await node.submit(remove('notes', made.documentId!))).toMatchObject({ result: 'deleted' });
      await untilCancelled(node, upsert('friends', friend(fresh(), 1e6), { waitForReferencesSeconds: 60 }));
      expect((await node.status()).writesRefused).toBe(null);
      await node.stop();
    }
  });
});

describe('what fails', () => {
  // A deployment agrees on its projections.
  const own = useDatabase();

  test.each(['direct', 'local'] as const)(
    'a failure in %s mode leaves its cause in the log, once',
    { timeout },
    async (mode) => {
      const lines: Record<string, unknown>[] = [];
      const logger = pino(
        { level: 'warn' },
        { write: (line) => void lines.push(JSON.parse(line) as object as never) },
      );
      const broken = defineProjection({
        name: 'broken',
        resources: ['test/notes'],
        apply: (_, transaction) => transaction.query('select 1 / 0').then(() => undefined),
      });
      const { node } = await startWorld(own.url, {
        writers: 0,
        client: { mode, logger, projections: [broken] },
      });
      for (let write = 0; write < 3; write++) {
        await expect(node.submit(upsert('notes', { noteId: fresh() }))).rejects.toMatchObject({
          code: 'target_failed',
          cause: { name: 'ProjectionError' },
        });
      }
      const told = lines.filter(({ doing }) => doing === 'settle a write alone');
      expect(told).toHaveLength(1);
      expect(told[0]).toMatchObject({ error: 'ProjectionError', cause: { sqlState: '22012' } });
    },
  );

  test('a failure is described with its causes, to a bounded depth', () => {
    const cause = Object.assign(new Error('PostgreSQL error 42501'), { sqlState: '42501' });
    let error = new Error('Canary', { cause });
    expect(describeError(error)).toMatchObject({ cause: { sqlState: '42501' } });
    for (let depth = 0; depth < 100; depth++) error = new Error('Canary', { cause: error });
    expect(JSON.stringify(describeError(error))).not.toContain('Canary');
  });
});
