// How long processes take to end once they are told to, while their database is gone or answers nothing: below 25 seconds,
// as docs/operations.md says, and no time at all at the second request.

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { firstOrAll, isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { startSluice, type RunningSluice } from '../support/sluice.ts';
import { openConnection, sql } from '../support/sql.ts';

const database = useDatabase();
const model = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
const boundMs = 25_000;
/** What a node waits in any case; less of it here. */
const drainMs = { usual: 10_000, here: 500 };
const drain = ['--drain-ms', String(drainMs.here)];

const throughProxy = (url: string, proxy: Proxy): string => {
  const own = new URL(url);
  own.port = new URL(proxy.url).port;
  return own.href;
};

/** From now until it has ended, and how. */
async function ending(running: RunningSluice): Promise<{ code: number | null; ms: number; stderr: string }> {
  const since = performance.now();
  const { code, stderr } = await running.ended;
  return { code, ms: performance.now() - since, stderr };
}

/** Repeats the request until one counts as another: what comes soon after the first is the same, which npm passes on. */
async function endedByMore(running: RunningSluice): Promise<number | null> {
  const repeated = setInterval(() => running.kill('SIGTERM'), 600);
  return (await running.ended.finally(() => clearInterval(repeated))).code;
}

function start(args: readonly string[], url: string, proxy: Proxy): RunningSluice {
  const settings = { SLUICE_MODEL: model, SLUICE_LOG_LEVEL: 'warn', SLUICE_PORT: '0' };
  return startSluice(args, { ...settings, DATABASE_URL: throughProxy(url, proxy) });
}

const post = (url: unknown): Promise<number> =>
  fetch(`${String(url)}/data/sample/gradeLevelDescriptors`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      namespace: 'uri://sample.org/GradeLevelDescriptor',
      codeValue: crypto.randomUUID().slice(0, 20),
      shortDescription: 'x',
    }),
  }).then(
    ({ status }) => status,
    () => 0,
  );

/** A write and a read, sent and not answered, in each node and in the page; a batch in hand in the writer. */
async function underWay(nodes: readonly unknown[], page: unknown): Promise<Promise<number>[]> {
  const waiting = (await sql(database.url, 'select from sluice.intake')).length;
  const holder = await openConnection(database.url);
  await holder.query('begin');
  await holder.query('select from sluice.lane for update');
  const requests = nodes.flatMap((url) => Array.from({ length: 3 }, () => post(url)));
  await eventually(async () =>
    expect((await sql(database.url, 'select from sluice.intake')).length).toBeGreaterThan(waiting + 2),
  );
  void fetch(`${String(page)}stuck`).catch(() => undefined);
  return requests;
}

test(
  'a second request ends a process immediately, also one that has not started yet',
  { timeout: 60_000 },
  async () => {
    const [proxy, silent] = [await startProxy(database.url), await startProxy(database.url)];
    const node = start(['api'], database.apiUrl, proxy);
    silent.silence(true);
    const starting = start(['writer'], database.writerUrl, silent);
    const { url } = await node.event('ready');
    void post(url);
    await eventually(async () =>
      expect(await sql(database.url, 'select from sluice.intake')).not.toEqual([]),
    );
    proxy.silence(true);
    proxy.blackhole();
    await eventually(() => expect(silent.statements).toBeGreaterThan(0));
    for (const each of [node, starting]) each.kill('SIGTERM');
    expect(await Promise.all([node, starting].map(endedByMore))).toEqual([143, 143]);
  },
);

describe.each(firstOrAll(['answers nothing', 'is gone']))('while the database %s', (how) => {
  test.runIf(isWide)(
    'every process ends in order when told to, while the database is away',
    { timeout: 120_000 },
    async () => {
      const proxy = await startProxy(database.url);
      const node = start(['api', ...drain], database.apiUrl, proxy);
      const direct = start(['api', '--mode', 'direct', ...drain], database.writerUrl, proxy);
      const writer = start(['writer'], database.writerUrl, proxy);
      const page = start(['dashboard'], database.opsUrl, proxy);
      const watch = start(['status', '--watch'], database.opsUrl, proxy);
      const processes = [node, direct, writer, page];
      const all = [...processes, watch];
      const [nodeUrl, directUrl, , pageUrl] = await Promise.all(
        processes.map(async (each) => (await each.event('ready'))['url']),
      );
      await watch.line();
      expect(await post(nodeUrl)).toBe(201);
      const requests = await underWay([nodeUrl, directUrl], pageUrl);
      if (how === 'is gone') {
        proxy.refuse(true);
        proxy.cut();
      } else {
        proxy.silence(true);
        proxy.blackhole();
      }
      for (const each of all) each.kill('SIGTERM');
      const ends = await Promise.all(all.map(ending));
      const faults = ends.filter(({ code }) => code !== 0);
      // `status` ends with 5 if what it has seen last wants attention.
      expect(faults.filter(({ code }) => code !== 5 || faults.length > 1)).toEqual([]);
      for (const { ms } of ends) expect(ms).toBeLessThan(boundMs - drainMs.usual + drainMs.here);
      // Every waiting client has an answer, and none says more than is known.
      for (const status of await Promise.all(requests)) expect([201, 503, 504]).toContain(status);
    },
  );
});
