// The benchmark runs each of its workloads to the end and tells what was asked for. How fast is no matter here.

import { benchModel, describe as describeItem, itemDocument, makeItems, prefill } from '@sluice/bench';
import { defaults } from 'sluice/internal/protocol';
import { describe, expect, inject, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startSluice, type JsonLine } from '../support/sluice.ts';
import { openConnection, sql, type SqlRow } from '../support/sql.ts';

const server = inject('postgresUrl');

const measured = async (args: string): Promise<{ code: number | null; last: JsonLine; stderr: string }> => {
  const usual = ['--rounds', '1', '--seconds', '1', '--warmup', '0', '--code', 'source'];
  return startSluice(['bench', ...usual, ...args.split(' ')], { SLUICE_BENCH_DATABASE_URL: server }).ended;
};

describe('a benchmark', { timeout: 240_000 }, () => {
  test.runIf(isWide)('a benchmark settles a backlog and reports the rate of each quarter', async () => {
    const { last, stderr } = await measured(
      '--workload backlog --backlog 90,180 --batch-writes-max 8 --prefill 20 --contenders coordinated,ceiling',
    );
    expect(stderr).toBe('');
    expect(last).toMatchObject({
      axis: 'backlog',
      absent: { ceiling: expect.stringContaining('no intake') as string },
      results: [
        { axis: 'backlog', value: 90, clients: 0 },
        { axis: 'backlog', value: 180, clients: 0 },
      ],
      lastToFirstQuarter: { coordinated: expect.any(Number) as number },
      growth: { from: 90, to: 180, documentsPerSecond: { coordinated: expect.any(Number) as number } },
    });
    const [first] = last['results'] as { contenders: Record<string, { backlog: { quarters: unknown[] } }> }[];
    expect(first?.contenders['coordinated']?.backlog.quarters).toHaveLength(4);
  });

  test.runIf(isWide)(
    'a benchmark compares numbers of stored documents on one database, beside an open transaction',
    async () => {
      const run = measured(
        '--prefill 40,80 --databases shared --clients 8 --contenders seed-direct,coordinated-held',
      );
      // It holds back VACUUM, and queries for old transactions find it.
      const held = `select backend_xmin is not null and backend_xid is not null and state = 'idle in transaction' as is_open
                  from pg_stat_activity where application_name = 'sluice bench held'`;
      await eventually(async () => expect(await sql(server, held)).toEqual([{ is_open: true }]), {
        timeoutMs: 60_000,
      });
      const { last, stderr } = await run;
      expect(stderr).toBe('');
      expect(last).toMatchObject({
        axis: 'prefill',
        databases: 'shared',
        results: [
          { axis: 'prefill', value: 40, clients: 8 },
          { axis: 'prefill', value: 80, clients: 8 },
        ],
        ratios: { 'coordinated-held/seed-direct': expect.any(Number) as number },
        growth: { ratios: { 'coordinated-held/seed-direct': expect.any(Number) as number } },
      });
    },
  );

  test.runIf(isWide)('a benchmark compares ways to insert rows, with and without duplicates', async () => {
    const { last, stderr } = await measured(
      '--workload table --duplicates 0%,30% --prefill 50 --clients 8 --contenders one-statement,batched,direct,local,coordinated,ceiling,seed-direct',
    );
    expect(stderr).toBe('');
    const rates = Object.fromEntries(
      ['one-statement', 'batched', 'direct', 'local', 'coordinated', 'ceiling'].map((name) => [
        name,
        expect.any(Number) as number,
      ]),
    );
    expect(last).toMatchObject({
      axis: 'duplicates',
      absent: { 'seed-direct': expect.stringContaining('documents') as string },
      results: [{ value: 0 }, { value: 30 }],
      growth: { from: 0, to: 30, documentsPerSecond: rates },
    });
  });

  test.runIf(isWide).each([
    ['table-http', '--nodes 2', ['http-per-request', 'coordinated']],
    ['table-open-loop', '--rate 50%', ['one-statement', 'coordinated']],
    ['counter', '', ['one-statement', 'coordinated']],
  ])('a benchmark measures %s with the contenders that suit it', async (workload, more, contenders) => {
    const { last, stderr } = await measured(`--workload ${workload} --prefill 50 ${more}`.trim());
    expect(stderr).toBe('');
    const [result] = last['results'] as { contenders: Record<string, { documentsPerSecond: object }> }[];
    expect(Object.keys(result?.contenders ?? {})).toEqual(contenders);
    // The roles of its nodes are gone.
    expect(await sql(server, `select rolname from pg_roles where rolname like 'sluice_bench%'`)).toEqual([]);
  });

  test.runIf(isWide)('a benchmark measures deployments in an open loop', async () => {
    const { last, stderr } = await measured(
      '--workload open-loop --rate 30,60 --writers 1 --nodes 1 --lanes 4 --prefill 20 --contenders coordinated',
    );
    expect(stderr).toBe('');
    const place = {
      contender: 'coordinated',
      build: 'this',
      lanes: 4,
      nodes: 1,
      writers: 1,
      failed: 0,
      missedHints: 0,
    };
    expect(last).toMatchObject({
      workload: 'open-loop',
      results: [
        { ...place, rate: 30, p99Ms: { median: expect.any(Number) as number }, p99Ratio: null },
        { ...place, rate: 60, p99Ms: { median: expect.any(Number) as number }, p99Ratio: null },
      ],
    });
    // As many as the rate and the seed make of one second.
    const [first] = last['measurements'] as { documents: number }[];
    expect(first?.documents).toBeGreaterThan(10);
    expect(first?.documents).toBeLessThan(60);
  });

  test.runIf(isWide)(
    'a benchmark takes the rates of an open loop as shares of the capacity of a contender',
    async () => {
      const { last, stderr } = await measured(
        '--workload open-loop --rate 10%,20% --rate-of seed-direct --lanes 4 --prefill 20 --contenders seed-direct,ceiling',
      );
      expect(stderr).toBe('');
      const [capacity] = last['capacities'] as { documentsPerSecond: number }[];
      const writes = (percent: number): number => Math.round((capacity!.documentsPerSecond * percent) / 100);
      expect(last).toMatchObject({
        absent: { ceiling: expect.stringContaining('HTTP') as string },
        capacities: [{ contender: 'seed-direct', nodes: 1, lanes: 4 }],
        results: [
          { contender: 'seed-direct', writers: 0, percent: 10, rate: writes(10), failed: 0 },
          { contender: 'seed-direct', writers: 0, percent: 20, rate: writes(20), failed: 0 },
        ],
      });
    },
  );

  test.runIf(isWide)(
    'a benchmark sends the documents of a district through several nodes, warm',
    async () => {
      const { last, stderr } = await measured(
        '--workload edfi --students 1 --clients 4,8 --nodes 2 --writers 1 --lanes 4 --prefill 20 --warmup 1 --contenders direct,coordinated,seed-direct',
      );
      expect(stderr).toBe('');
      const results = last['results'] as { contender: string; clients: number; baseline: string | null }[];
      expect(results.map(({ contender, clients, baseline }) => [contender, clients, baseline])).toEqual(
        ['direct', 'coordinated', 'seed-direct'].flatMap((contender) =>
          [4, 8].map((clients) => [contender, clients, contender === 'direct' ? null : 'direct']),
        ),
      );
      // Each sends all of them each time: none is left from the time before.
      const measurements = last['measurements'] as { documents: number; writesPerBatch: number | null }[];
      expect(new Set(measurements.map(({ documents }) => documents)).size).toBe(1);
      expect(measurements[0]!.documents).toBeGreaterThan(20);
      expect(
        measurements.map(({ writesPerBatch }) => writesPerBatch !== null && writesPerBatch >= 1),
      ).toEqual([...Array.from({ length: 4 }, () => true), false, false]);
    },
  );

  test.runIf(isWide)('a benchmark measures batches without set-based statements', async () => {
    const { last, stderr } = await measured('--clients 8 --prefill 20 --contenders batched,one-statement');
    expect(stderr).toBe('');
    expect(last).toMatchObject({ ratios: { 'one-statement/batched': expect.any(Number) as number } });
  });

  test('a benchmark names the build that it cannot measure', async () => {
    const { code, stderr } = await measured('--workload open-loop --build /nowhere');
    expect(code).not.toBe(0);
    expect(stderr).toContain('--build: there is no /nowhere/packages/server/dist/cli/main.js');
  });

  test('a benchmark has one axis', async () => {
    const { code, stderr } = await measured('--clients 1,2 --lanes 4,8');
    expect(code).not.toBe(0);
    expect(stderr).toContain('--clients, --lanes');
  });
});

describe('rows that are made by the server in sets', () => {
  const database = useDatabase();
  const { lanes } = defaults;
  const count = 500;

  /** What a node computes of the same item. */
  const expected = (itemId: string, number: number): Record<string, unknown> => {
    const { body, referenceIds, ...described } = describeItem(
      benchModel,
      itemDocument(itemId, 500, number),
      lanes,
    );
    const { referentialId, contentHash, lane, resource } = described;
    return {
      referential_id: referentialId,
      content_hash: contentHash,
      lane,
      resource,
      body: JSON.parse(body) as unknown,
      reference_ids: referenceIds.toSorted(),
    };
  };
  const byItem = (rows: readonly SqlRow[]): Map<unknown, SqlRow> =>
    new Map(rows.map(({ item_id, ...row }) => [item_id, row]));

  test('rows that the server makes in sets equal those of written documents', async () => {
    const { signal } = new AbortController();
    await prefill({ url: database.url, documents: count, lanes, signal, onProgress: () => undefined });
    const rows = byItem(
      await sql(
        database.url,
        `select d.body ->> 'itemId' as item_id, a.referential_id, d.content_hash, d.lane, d.resource, d.body,
                array(select f.referential_id::text from sluice.reference f
                      where f.document_id = d.document_id order by 1) as reference_ids
         from sluice.document d join sluice.alias a using (document_id)
         where d.referential_id = a.referential_id and d.superclass_id is null`,
      ),
    );
    for (let number = 0; number < count; number++)
      expect(rows.get(`stored-${number}`)).toEqual(expected(`stored-${number}`, number));
    const enabled = await sql(
      database.url,
      `select count(*)::int as off from pg_trigger
       where tgrelid::regclass::text like 'sluice.%' and tgenabled <> 'O'`,
    );
    expect(enabled).toEqual([{ off: 0 }]);
  });

  test('rows that the server makes in sets wait in the intake as if a node had accepted them', async () => {
    const client = await openConnection(database.url);
    const items = { prefix: 'waiting-', from: 7, count, lanes };
    await makeItems([client], 'queue', items, () => undefined);
    const rows = byItem(
      await sql(
        database.url,
        `select body ->> 'itemId' as item_id, referential_id, content_hash, lane, resource, body,
                array(select r::text from unnest(i.reference_ids) r order by 1) as reference_ids
         from sluice.intake i where blocked_at is null and document_id = write_id`,
      ),
    );
    for (let number = 7; number < 7 + count; number++)
      expect(rows.get(`waiting-${number}`)).toEqual(expected(`waiting-${number}`, number));
  });
});
