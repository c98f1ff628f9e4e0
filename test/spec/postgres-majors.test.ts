// The major versions of PostgreSQL below the one that all other tests run on. `SLUICE_POSTGRES=15 npm test` runs all of
// them on another one.

import { runDoctor } from 'sluice/operator';
import { Database } from 'sluice/internal/store';
import { expect, onTestFinished, test } from 'vitest';
import { firstOrAll } from '../support/breadth.ts';
import { eventually } from '../support/eventually.ts';
import { startOwnServer } from '../support/own-server.ts';
import { startWorld, upsert } from '../support/world.ts';
import { startWriterProcess } from '../support/writer-process.ts';

test.for(firstOrAll([15, 16, 17] as const))(
  'PostgreSQL %i: a write is committed, and another one after its writer was killed',
  { timeout: 120_000 },
  async (major, { skip }) => {
    const server = await startOwnServer({}, major).catch((error: unknown) => {
      const { message } = error as Error;
      if (message.includes('no embedded build is installed')) return skip(message);
      throw error;
    });
    expect(await server.sql(`select current_setting('server_version_num')::int / 10000 as major`)).toEqual([
      { major },
    ]);
    const world = await startWorld(server.url, { writers: 0 });
    const writer = startWriterProcess(server.url);
    expect(await world.submit(upsert('notes', { noteId: 1 }))).toMatchObject({ result: 'created' });
    writer.kill('SIGKILL');
    await writer.ended;
    const later = world.submit(upsert('notes', { noteId: 2 }));
    const second = await world.startWriter();
    expect(await later).toMatchObject({ result: 'created' });
    await eventually(() => expect(second.status().lanes).toHaveLength(16));
    expect(await server.sql('select count(*)::int as n from sluice.document')).toEqual([{ n: 2 }]);

    const database = new Database({ url: server.url, applicationName: 'test' });
    onTestFinished(() => database.close());
    const { findings } = await runDoctor(database);
    const { verdict, says } = findings.find(({ check }) => check === 'postgresql')!;
    expect({ verdict, lacks: says.includes('no transaction_timeout') }).toEqual(
      major < 17 ? { verdict: 'warning', lacks: true } : { verdict: 'ok', lacks: false },
    );
  },
);
