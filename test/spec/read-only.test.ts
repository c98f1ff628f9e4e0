// A server that refuses work for a while: it is read-only, or takes a right away. Nodes and writers give such sessions up,
// come back by themselves, ask seldom meanwhile, and say of each write that was refused that it was not applied.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClientOptions, SluiceClient, WriteRequest } from 'sluice/internal/client';
import { applyRoles, roleName } from 'sluice/internal/store';
import { pino, type Logger } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { firstOrAll, isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { resource } from '../support/model.ts';
import { startOwnServer } from '../support/own-server.ts';
import { databaseUrl, execute, rolePrefix } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { sql } from '../support/sql.ts';
import { fresh, startWorld, untilShared, upsert } from '../support/world.ts';

const database = useDatabase();
const note = (): WriteRequest => upsert('notes', { noteId: fresh() });

/** Past the database's own settings. */
const outside = (text: string): ReturnType<typeof execute> =>
  execute(databaseUrl(database.url, 'postgres'), text);

/** Ends all sessions that may have begun before the last change, and waits until they are gone. */
async function endSessions(): Promise<void> {
  const [clock] = await outside('select clock_timestamp()::text as now');
  const older = `from pg_stat_activity where datname = '${database.name}'
     and backend_type = 'client backend' and backend_start <= '${String(clock?.['now'])}'`;
  await eventually(async () => {
    await outside(`select pg_terminate_backend(pid, 5000) ${older}`);
    expect(await outside(`select pid ${older}`)).toEqual([]);
  });
}

async function setReadOnly(isReadOnly: boolean): Promise<void> {
  const change = isReadOnly
    ? 'set default_transaction_read_only = on'
    : 'reset default_transaction_read_only';
  await outside(`alter database ${database.name} ${change}`);
}

interface LogLine {
  sqlState?: string | null;
  cause?: { sqlState?: string };
  doing?: string;
  msg: string;
}

function listen(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const logger = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line) as LogLine) });
  return { logger, lines };
}

const codeOf = (submitted: Promise<unknown>): Promise<unknown> =>
  submitted.then(
    () => 'settled',
    (error: unknown) => (error as { code: string }).code,
  );

const untilRefused = (node: SluiceClient, text: string): Promise<void> =>
  eventually(async () => expect((await node.status()).writesRefused).toContain(text));

const untilTaken = (node: SluiceClient): Promise<void> =>
  eventually(async () => expect((await node.status()).writesRefused).toBe(null));

afterEach(async () => {
  await setReadOnly(false);
  await endSessions();
});

type Way = [string, ClientOptions['mode'], Partial<ClientOptions>];

const ways: [Way, ...Way[]] = [
  ['in coordinated mode', 'coordinated', {}],
  ['on the fast path', 'coordinated', { fastPathWritesMax: 64 }],
  ['in local mode', 'local', {}],
  ['in direct mode', 'direct', {}],
];

describe.each(firstOrAll(ways))('a node %s', (_, mode, options) => {
  test(
    'a node takes writes again after its database was read-only, and meanwhile says that it applied none',
    { timeout: 60_000 },
    async () => {
      const proxy = await startProxy(database.url);
      const { logger, lines } = listen();
      const world = await startWorld(database.url, {
        writers: mode === 'coordinated' ? 1 : 0,
        client: { url: proxy.url, ...(mode === undefined ? {} : { mode }), ...options, logger },
      });
      const { node } = world;
      if (mode === 'coordinated') await untilShared(world.writers);
      expect(await node.submit(note())).toMatchObject({ result: 'created' });

      await setReadOnly(true);
      await endSessions();
      await untilRefused(node, 'read-only');
      // Clients that wait for long wait for the end of it, those that do not hear that nothing was applied.
      const patient = Array.from({ length: 20 }, () => node.submit(note()));
      expect(
        await Promise.all(Array.from({ length: 20 }, () => codeOf(node.submit(note(), { waitMs: 700 })))),
      ).toEqual(new Array(20).fill('database_unavailable'));
      await expect(world.startNode({ waitMs: 300 })).rejects.toMatchObject({ sqlState: '25006' });
      await untilRefused(node, '25006');
      const before = proxy.statements;
      await pause(2000);
      // Each try is a connection with its settings, and one transaction; hints are asked for once a second.
      expect(proxy.statements - before).toBeLessThan(100);
      const told = lines.filter(({ sqlState }) => sqlState === '25006');
      expect(told.length).toBeGreaterThan(0);
      expect(told.length).toBeLessThan(8);

      await setReadOnly(false);
      for (const outcome of await Promise.all(patient)) expect(outcome).toMatchObject({ result: 'created' });
      await untilTaken(node);
      expect(await node.submit(note())).toMatchObject({ result: 'created' });
      expect(await sql(database.url, 'select from sluice.intake')).toEqual([]);
      expect(await sql(database.url, 'select from sluice.dead_letter')).toEqual([]);
      expect(await sql(database.url, 'select from sluice.document')).toHaveLength(
        (await sql(database.url, `select from sluice.outcome where result = 'created'`)).length,
      );
    },
  );
});

describe('a server that becomes a standby', () => {
  test.runIf(isWide)(
    'a server that becomes a standby is seldom asked, and used again once it is promoted',
    { timeout: 120_000 },
    async () => {
      const server = await startOwnServer();
      const proxy = await startProxy(server.url);
      const { logger, lines } = listen();
      const world = await startWorld(server.url, {
        client: { url: proxy.url, logger },
        writer: { url: proxy.url, logger },
      });
      await untilShared(world.writers);
      const before = await world.node.submit(note());
      await server.stop();
      await writeFile(join(server.dataDir, 'cluster', 'standby.signal'), '');
      await server.start();
      await untilRefused(world.node, '25006');
      const patient = Array.from({ length: 10 }, () => world.node.submit(note()));
      expect(await codeOf(world.node.submit(note(), { waitMs: 700 }))).toBe('database_unavailable');
      // Reads go on.
      expect(await world.node.readDocument(resource('notes'), before.documentId!)).not.toBeNull();
      await pause(2000);
      const asked = proxy.statements;
      await pause(3000);
      expect(proxy.statements - asked).toBeLessThan(100);
      expect(lines.filter(({ sqlState }) => sqlState === '25006').length).toBeLessThan(10);
      await server.sql('select pg_promote()');
      for (const outcome of await Promise.all(patient)) expect(outcome).toMatchObject({ result: 'created' });
      await untilTaken(world.node);
      await eventually(async () => expect((await world.node.status()).isListening).toBe(true));
      expect(await server.sql('select from sluice.dead_letter')).toEqual([]);
    },
  );
});

describe('an idle node', () => {
  test('an idle node is not ready while the database is read-only, and ready again without a write', async () => {
    const { node } = await startWorld(database.url, { writers: 0 });
    await setReadOnly(true);
    await endSessions();
    await untilRefused(node, '25006');
    await setReadOnly(false);
    await untilTaken(node);
    expect(await sql(database.url, 'select from sluice.intake')).toEqual([]);
  });

  test.each([
    ['coordinated', 'api', 'intake'],
    ['local', 'writer', 'document'],
  ] as const)(
    'an idle node in %s mode is not ready while its role lacks a right that it had at the start',
    async (mode, role, table) => {
      const { logger, lines } = listen();
      const { node } = await startWorld(database.url, { writers: 0, client: { mode, logger } });
      await sql(database.url, `revoke insert on sluice.${table} from ${roleName(role, rolePrefix)}`);
      const refused = codeOf(node.submit(note(), { waitMs: 700 }));
      await untilRefused(node, '42501');
      expect(await refused).toBe('database_unavailable');
      expect(lines).toContainEqual(expect.objectContaining({ sqlState: '42501' }));
      await applyRoles({ url: database.url, prefix: rolePrefix });
      await untilTaken(node);
    },
  );
});

describe('a writer', () => {
  test(
    'a writer whose role loses a right makes no dead letter, asks seldom, and goes on with the right',
    { timeout: 60_000 },
    async () => {
      const { logger, lines } = listen();
      const world = await startWorld(database.url, { writer: { logger } });
      await untilShared(world.writers);
      await sql(database.url, `revoke insert on sluice.document from ${roleName('writer', rolePrefix)}`);
      const outcomes = Array.from({ length: 5 }, () => world.node.submit(note()));
      await eventually(() => expect(lines).toContainEqual(expect.objectContaining({ sqlState: '42501' })));
      await pause(1500);
      expect(await sql(database.url, 'select from sluice.dead_letter')).toEqual([]);
      const terms = await sql(database.url, 'select max(term)::int as term from sluice.lane');
      expect(terms[0]!['term']).toBeLessThan(12);
      expect(lines.filter(({ sqlState }) => sqlState === '42501')).toHaveLength(1);
      await applyRoles({ url: database.url, prefix: rolePrefix });
      for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ result: 'created' });
    },
  );
});
