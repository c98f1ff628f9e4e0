// What becomes of writes when the database restarts, crashes, fails over, fills up, or is held up by others. Each on a
// server of its own: nothing acknowledged is lost, every answer is definite, and all goes on by itself.

import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import type { SluiceClient, WriteRequest } from 'sluice/internal/client';
import type { Client } from 'pg';
import { pino } from 'pino';
import { SluiceError, type Mode } from 'sluice/internal/protocol';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstOrAll, isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { resource } from '../support/model.ts';
import { startOwnServer, startStandby, type OwnServer } from '../support/own-server.ts';
import { startProxy } from '../support/proxy.ts';
import { openConnection } from '../support/sql.ts';
import { fresh, startWorld, untilShared, upsert, type World } from '../support/world.ts';

const note = (more: Partial<WriteRequest> = {}): WriteRequest => upsert('notes', { noteId: fresh() }, more);

interface Traffic {
  /** Ids of the documents whose creation was acknowledged. */
  created: string[];
  /** Codes of the writes that were not applied, or of which that is not known. */
  failed: string[];
  stop(): Promise<void>;
}

/** Clients that write one note after the other, until they are stopped. */
function startTraffic(node: SluiceClient, clients: number): Traffic {
  const over = new AbortController();
  const traffic: Traffic = {
    created: [],
    failed: [],
    async stop() {
      over.abort();
      await running;
    },
  };
  const running = Promise.all(
    Array.from({ length: clients }, async () => {
      while (!over.signal.aborted) {
        try {
          const { documentId, code } = await node.submit(note());
          if (documentId === null) traffic.failed.push(code ?? '');
          else traffic.created.push(documentId);
        } catch (error) {
          traffic.failed.push(error instanceof SluiceError ? error.code : String(error));
          await pause(50);
        }
      }
    }),
  );
  return traffic;
}

/** Nothing that was acknowledged is missing, nothing is there twice, and all that was written has its outcome. */
async function expectWhole(server: Pick<OwnServer, 'sql'>, { created }: Traffic): Promise<void> {
  expect(new Set(created).size).toBe(created.length);
  const found = await server.sql(
    'select document_id from sluice.document where document_id = any($1::uuid[])',
    [created],
  );
  expect(found).toHaveLength(created.length);
  await eventually(async () => expect(await server.sql('select from sluice.intake')).toEqual([]));
  expect(await server.sql('select from sluice.dead_letter')).toEqual([]);
  expect(await server.sql(`select from sluice.document where version <> 1`)).toEqual([]);
}

const goesOn = async (traffic: Traffic): Promise<void> => {
  const before = traffic.created.length;
  await eventually(() => expect(traffic.created.length).toBeGreaterThan(before + 20), { timeoutMs: 40_000 });
};

describe('a database that restarts', () => {
  test.each(
    firstOrAll([
      {
        how: 'after it was killed',
        failure: async (server: OwnServer) => {
          await server.kill();
          await server.start();
        },
      },
      {
        how: 'by itself, as one of its processes was killed',
        async failure(server: OwnServer) {
          const [row] = await server.sql(
            `select pid from pg_stat_activity where application_name = 'sluice writer' and datname = 'sluice' limit 1`,
          );
          process.kill(row!['pid'] as number, 'SIGKILL');
        },
      },
      { how: 'in order', failure: (server: OwnServer) => server.restart() },
    ]),
  )(
    'a database that is restarted by $how loses no acknowledged or waiting write',
    { timeout: 120_000 },
    async ({ failure }) => {
      const server = await startOwnServer();
      const world = await startWorld(server.url, { writers: 2 });
      const traffic = startTraffic(world.node, 16);
      await goesOn(traffic);
      for (let round = 0; round < 2; round++) {
        await failure(server);
        await goesOn(traffic);
      }
      await traffic.stop();
      await expectWhole(server, traffic);
      // A client is told of nothing but its wait: what was under way is resolved by what the database says.
      expect(traffic.failed.filter((code) => code !== 'database_unavailable')).toEqual([]);
    },
  );
});

describe('a database of several servers', () => {
  test('a node follows the primary of a database of several servers', { timeout: 120_000 }, async () => {
    const primary = await startOwnServer();
    const standby = await startStandby(primary);
    await primary.sql(`alter system set synchronous_standby_names = '*'`);
    await primary.sql('select pg_reload_conf()');
    await eventually(async () =>
      expect(await primary.sql('select sync_state from pg_stat_replication')).toEqual([
        { sync_state: 'sync' },
      ]),
    );
    // The standby comes first in the list, and is passed over.
    const url = `${standby.url},${primary.url}`;
    const world = await startWorld(url, { writers: 2 });
    const traffic = startTraffic(world.node, 8);
    await goesOn(traffic);
    expect(await standby.sql('select pg_is_in_recovery() as is_standby')).toEqual([{ is_standby: true }]);
    await primary.kill();
    await standby.sql(`alter system set synchronous_standby_names = ''`);
    await standby.sql('select pg_promote()');
    await goesOn(traffic);
    await traffic.stop();
    await expectWhole(standby, traffic);
    expect((await world.node.status()).isListening).toBe(true);
  });

  test('several standbys without a primary count as no database', { timeout: 120_000 }, async () => {
    const primary = await startOwnServer();
    const standby = await startStandby(primary);
    await primary.stop();
    await expect(startWorld(`${primary.url},${standby.url}`, { writers: 0 })).rejects.toMatchObject({
      isConnectionLoss: true,
    });
  });
});

describe('a disk that is full', () => {
  /** A tablespace of some megabytes, or null where this process may not mount one. */
  async function mountTablespace(server: OwnServer): Promise<boolean> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-full-'));
    try {
      await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder]);
    } catch {
      await rm(folder, { recursive: true });
      return false;
    }
    onTestFinished(async () => {
      await server.stop();
      await promisify(execFile)('umount', [folder]);
      await rm(folder, { recursive: true });
    });
    const { uid, gid } = await stat(join(server.dataDir, 'cluster'));
    await chown(folder, uid, gid);
    await chmod(folder, 0o700);
    await server.sql(`create tablespace small location '${folder}'`);
    return true;
  }

  const fill = async (server: OwnServer): Promise<void> => {
    await server.sql('create table if not exists public.junk (t text) tablespace small');
    await expect(
      (async () => {
        for (;;)
          await server.sql(`insert into public.junk select repeat('x', 1000) from generate_series(1, 200)`);
      })(),
    ).rejects.toMatchObject({ code: '53100' });
    // To the last page.
    for (const rows of [20, 5, 1]) {
      await expect(
        (async () => {
          for (;;)
            await server.sql(
              `insert into public.junk select repeat('x', 1000) from generate_series(1, ${rows})`,
            );
        })(),
      ).rejects.toMatchObject({ code: '53100' });
    }
  };

  test(
    'a full disk stops the drain, not reads; no write is blamed, and work resumes by itself',
    { timeout: 120_000 },
    async (context) => {
      const server = await startOwnServer();
      context.skip(!(await mountTablespace(server)), 'this process may not mount a small disk');
      await server.sql('alter table sluice.reference set tablespace small');
      await server.sql('alter index sluice.reference_pkey set tablespace small');
      await server.sql('alter table sluice.alias set tablespace small');
      await server.sql('alter index sluice.alias_pkey set tablespace small');
      let troubles = 0;
      const logger = pino(
        { level: 'error' },
        { write: (line) => (troubles += line.includes('in trouble') ? 1 : 0) },
      );
      const world = await startWorld(server.url, { writer: { logger } });
      const first = await world.submit(note());
      await fill(server);
      // Enough of them to need another page.
      const outcomes = Array.from({ length: 300 }, () => world.submit(note()));
      await eventually(() => expect(troubles).toBeGreaterThan(4));
      expect(await server.sql('select from sluice.dead_letter')).toEqual([]);
      expect(await world.node.readDocument(resource('notes'), first.documentId!)).not.toBeNull();
      expect(world.writers[0]!.status().lanes).toHaveLength(16);
      await server.sql('drop table public.junk');
      for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ result: 'created' });
      expect(await server.sql('select from sluice.dead_letter')).toEqual([]);
      await world.node.stop();
      await world.writers[0]!.stop();
    },
  );

  test(
    'with a full disk, the intake takes no write, and the answer says so',
    { timeout: 120_000 },
    async (context) => {
      const server = await startOwnServer();
      context.skip(!(await mountTablespace(server)), 'this process may not mount a small disk');
      await server.sql('alter table sluice.intake set tablespace small');
      const world = await startWorld(server.url);
      await world.submit(note());
      await fill(server);
      await expect(
        (async () => {
          for (;;)
            await Promise.all(
              Array.from({ length: 50 }, () =>
                world.submit(upsert('notes', { noteId: fresh(), text: 'x'.repeat(1000) })),
              ),
            );
        })(),
      ).rejects.toMatchObject({ code: 'storage_full' });
      await server.sql('drop table public.junk');
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
      await world.node.stop();
      await world.writers[0]!.stop();
    },
  );
});

describe('a server whose limits are reached', () => {
  test('with a full notification queue, writes go on without hints', { timeout: 120_000 }, async () => {
    const server = await startOwnServer({ max_notify_queue_pages: '64' });
    const world = await startWorld(server.url);
    await world.submit(note());
    const stuck = await openConnection(server.url);
    await stuck.query('listen anything');
    await stuck.query('begin');
    await stuck.query('select 1');
    await expect(
      (async () => {
        for (;;)
          await server.sql(
            `select pg_notify('anything', repeat('x', 7000) || n) from generate_series(1, 50) as n`,
          );
      })(),
    ).rejects.toMatchObject({ code: '54000' });
    for (const outcome of await Promise.all(Array.from({ length: 20 }, () => world.submit(note())))) {
      expect(outcome).toMatchObject({ result: 'created' });
    }
    const { writeId } = await world.node.accept(note());
    await eventually(async () =>
      expect(await world.node.readWrite('', writeId)).toMatchObject({ state: 'settled' }),
    );
    await stuck.query('rollback');
  });

  test(
    'without a free connection, a read is refused soon, and no connection is lost for good',
    { timeout: 120_000 },
    async () => {
      const server = await startOwnServer({ max_connections: '20' });
      const world = await startWorld(server.url);
      const { documentId } = await world.submit(note());
      const held: Client[] = [];
      await expect(
        (async () => {
          for (;;) held.push(await openConnection(server.url));
        })(),
      ).rejects.toMatchObject({ code: '53300' });
      const reads = await Promise.allSettled(
        Array.from({ length: 50 }, () => world.node.readDocument(resource('notes'), documentId!)),
      );
      for (const read of reads.filter(({ status }) => status === 'rejected')) {
        expect(read).toMatchObject({ reason: { code: 'database_unavailable' } });
      }
      // Those who have their connections already go on.
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
      await Promise.all(held.splice(0).map((client) => client.end()));
      await eventually(async () =>
        expect(await world.node.readDocument(resource('notes'), documentId!)).not.toBeNull(),
      );
    },
  );
});

describe('transactions of others', () => {
  const database = useDatabase();

  test('long transactions of other programs stop nothing', { timeout: 60_000 }, async () => {
    const world = await startWorld(database.url);
    const old = await openConnection(database.url);
    await old.query('begin isolation level repeatable read');
    await old.query('select pg_current_xact_id()');
    for (let round = 0; round < 3; round++) {
      for (const outcome of await Promise.all(Array.from({ length: 30 }, () => world.submit(note())))) {
        expect(outcome).toMatchObject({ result: 'created' });
      }
    }
    await old.query('rollback');
  });
});

describe.each<Mode>(isWide ? ['coordinated', 'direct', 'local'] : ['coordinated', 'direct'])(
  'a commit whose fate is not known, in %s mode',
  (mode) => {
    const database = useDatabase();

    test.each(['request', 'answer'] as const)(
      'a commit with an unknown fate is resolved from the database, when the %s is lost',
      { timeout: 60_000 },
      async (what) => {
        const proxy = await startProxy(database.url);
        const isCoordinated = mode === 'coordinated';
        const world: World = await startWorld(database.url, {
          writers: 0,
          client: { mode, ...(isCoordinated ? {} : { url: proxy.url }) },
        });
        if (isCoordinated) await untilShared([await world.startWriter({ url: proxy.url })]);
        for (let round = 0; round < 3; round++) {
          let lost = 0;
          proxy.loseCommit(what, () => (lost += 1));
          const noteId = fresh();
          const outcome = await world.submit(upsert('notes', { noteId }));
          expect(outcome).toMatchObject({ result: 'created', version: 1 });
          await eventually(() => expect(lost).toBe(1));
          expect(
            await world.sql(
              `select version::int, (select count(*)::int from sluice.outcome o where o.document_id = d.document_id) as outcomes
             from sluice.document d where document_id = $1`,
              [outcome.documentId],
            ),
          ).toEqual([{ version: 1, outcomes: 1 }]);
        }
      },
    );
  },
);
