// The views that operators and their tools read: what they show, to whom, and how much they read for it at a thousand lanes
// and a hundred thousand writes that wait.

import { countStuck, listLanes, listStuck, readStatus, showWrite } from 'sluice/operator';
import { Database, queries } from 'sluice/internal/store';
import type pg from 'pg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { openConnection, sql } from '../support/sql.ts';

const database = useDatabase();
const lanes = 1000;
const writes = 100_000;
const deadLetters = 5000;
const timeout = 60_000;
/** Of ten writes in a row, five await the one before them, and the first of those what nobody has sent. */
const chainLength = 5;

beforeAll(async () => {
  const run = (text: string): Promise<unknown> => sql(database.url, text);
  await run(`insert into sluice.lane (lane) select generate_series(0, ${lanes - 1})`);
  await run(`insert into sluice.setting (name, value) values ('lanes', '${lanes}')`);
  await run(`
    create function public.id(n integer) returns uuid language sql immutable as
    $$ select ('0193' || lpad(to_hex(n), 8, '0') || '7000800000000000' || '0000')::uuid $$`);
  await run(`
    insert into sluice.intake (write_id, document_id, referential_id, accepted_at, node, lane, operation, resource,
                               content_hash, client, reference_ids, body, blocked_at, was_blocked)
    select public.id(n), public.id(n), md5('r' || n)::uuid,
           clock_timestamp() - interval '1 hour' + n * interval '1 ms', 1, n % ${lanes}, 'upsert', 'test/notes', 'x',
           'client ' || n % 50, case when n % 10 < ${chainLength} then array[md5('r' || n - 1)::uuid] else '{}' end,
           jsonb_build_object('secret', n), case when n % 10 < ${chainLength} then clock_timestamp() end, n % 10 < ${chainLength}
    from generate_series(0, ${writes - 1}) as n`);
  await run(`
    insert into sluice.awaited (awaited_id, write_id, lane)
    select md5(case when n % 10 = 0 then 'nobody' else 'r' || n - 1 end)::uuid, public.id(n), n % ${lanes}
    from generate_series(0, ${writes - 1}) as n where n % 10 < ${chainLength}`);
  await run(`
    insert into sluice.dead_letter (write_id, document_id, referential_id, accepted_at, lane, attempts, operation,
                                    resource, content_hash, client, reference_ids, error, body)
    select public.id(1000000 + n), public.id(n), public.id(n), clock_timestamp(), n % ${lanes}, 3, 'upsert',
           'test/notes', 'x', 'client', '{}', '{"code": "P0001"}', '{"secret": 1}'
    from generate_series(1, ${deadLetters}) as n`);
  await run('vacuum analyze sluice.intake, sluice.awaited, sluice.dead_letter, sluice.lane');
}, 120_000);

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** Rows of each table that a named query touches, and how it scans. */
async function measure(
  client: pg.Client,
  name: string,
  values: readonly (string | number | null)[],
): Promise<{ rows: Map<string, number>; scans: Set<string> }> {
  const text = queries.get(name)!.text;
  await client.query(`prepare ${name} as ${text}`);
  const literals = values.map((value) =>
    value === null ? 'null' : typeof value === 'number' ? `${value}` : `'${value}'`,
  );
  const call = literals.length > 0 ? `${name}(${literals.join(', ')})` : name;
  // As the product's sessions have it after a few calls.
  await client.query('set plan_cache_mode = force_generic_plan');
  const { rows: plans } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `explain (analyze, timing off, format json) execute ${call}`,
  );
  const rows = new Map<string, number>();
  const scans = new Set<string>();
  const visit = (node: PlanNode): void => {
    const relation = node['Relation Name'];
    if (relation !== undefined) {
      const touched = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
      rows.set(relation, (rows.get(relation) ?? 0) + Math.round(touched));
      if (node['Actual Loops'] > 0) scans.add(`${node['Node Type']} on ${relation}`);
    }
    node.Plans?.forEach(visit);
  };
  visit(plans[0]!['QUERY PLAN'][0].Plan);
  return { rows, scans };
}

async function connect(): Promise<pg.Client> {
  const client = await openConnection(database.url);
  for (const setting of ['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'jit'])
    await client.query(`set ${setting} = off`);
  return client;
}

const first = '00000000-0000-0000-0000-000000000000';
const nothing = [null, null, null, null, null, null];

describe('at a thousand lanes and a hundred thousand writes that wait', () => {
  test(
    'at a thousand lanes, a page of stuck writes reads little more than the page',
    { timeout },
    async () => {
      const client = await connect();
      const { rows, scans } = await measure(client, 'listStuck', [first, ...nothing, 100, null]);
      expect(rows.get('intake')).toBeLessThan(200);
      expect(rows.get('lane')).toBeLessThan(1000);
      expect([...scans].filter((scan) => scan.startsWith('Seq'))).toEqual([]);
    },
  );

  test('at a thousand lanes, a page in the middle reads as little', { timeout }, async () => {
    const client = await connect();
    const after = '01930000-8000-7000-8000-000000000000';
    const { rows } = await measure(client, 'listStuck', [after, ...nothing, 100, null]);
    expect(rows.get('intake')).toBeLessThan(200);
  });

  test('what a page of blocked writes awaits is found by keys', { timeout }, async () => {
    const client = await connect();
    const { rows, scans } = await measure(client, 'readAwaitedStatus', [
      `{${Array.from({ length: 10 }, (_, n) => `01930000-00${(10 + n).toString(16).padStart(2, '0')}-7000-8000-000000000000`).join(',')}}`,
      5,
    ]);
    expect(rows.get('awaited')).toBeLessThan(50);
    expect(rows.get('intake')).toBeLessThan(100);
    expect([...scans].filter((scan) => scan.startsWith('Seq'))).toEqual([]);
  });

  test('a chain of blocked writes reads no more than its links', { timeout }, async () => {
    const client = await connect();
    // 1234 is in the middle of a chain: 1234, 1233, 1232, 1231, 1230.
    const id = '01930000-04d2-7000-8000-000000000000';
    const { rows, scans } = await measure(client, 'readChain', [id]);
    expect(rows.get('awaited')).toBeLessThan(20);
    expect(rows.get('intake')).toBeLessThan(50);
    expect([...scans].filter((scan) => scan.startsWith('Seq'))).toEqual([]);
  });

  test('the lanes are counted by reading each write once', { timeout }, async () => {
    const client = await connect();
    const { rows, scans } = await measure(client, 'listLanes', []);
    expect(rows.get('intake')).toBeLessThanOrEqual(writes + 2 * lanes);
    expect(scans).not.toContain('Seq Scan on intake');
  });

  test('counts, pages and chains agree with the stored writes', { timeout }, async () => {
    const operator = new Database({ url: database.url, applicationName: 'sluice test', connectionsMax: 1 });
    onTestFinished(() => operator.close());
    const blocked = (writes * chainLength) / 10;
    expect((await countStuck(operator)).reasons).toMatchObject({
      blocked: { writes: blocked },
      lane_without_leader: { writes: writes - blocked },
      dead_letter: { writes: deadLetters },
    });
    expect(await countStuck(operator, {}, 1000)).toMatchObject({ total: 1000, isBounded: true });
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const { writes: page, next } = await listStuck(
        operator,
        { lane: 7 },
        { limit: 30, ...(after === undefined ? {} : { after }) },
      );
      seen.push(...page.map(({ writeId }) => writeId));
      if (next === null) break;
      after = next;
    }
    expect(seen).toHaveLength(writes / lanes + deadLetters / lanes);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(seen.toSorted());
    const { chain } = await showWrite(operator, '01930000-04d2-7000-8000-000000000000');
    expect(chain.map(({ depth, standing }) => [depth, standing])).toEqual([
      [1, 'blocked'],
      [2, 'blocked'],
      [3, 'blocked'],
      [4, 'blocked'],
      [5, 'never_seen'],
    ]);
    expect((await listLanes(operator)).every(({ ready, blocked: n }) => ready + n === writes / lanes)).toBe(
      true,
    );
    expect(await readStatus(operator)).toMatchObject({ backlog: writes, blocked, lanesWithoutLeader: lanes });
  });
});

describe('a role that is given the views and nothing else', () => {
  test('a role with the views alone sees why writes wait, and no body', { timeout }, async () => {
    const role = `watcher_${database.name}`;
    await sql(database.url, `create role ${role} login`);
    onTestFinished(async () => {
      await sql(database.url, `drop owned by ${role}`);
      await sql(database.url, `drop role ${role}`);
    });
    const views = [
      'lane_status',
      'stuck_write',
      'awaited_status',
      'blocked_chain',
      'writer_status',
      'throughput',
    ];
    await sql(database.url, `grant usage on schema sluice to ${role}`);
    await sql(database.url, `grant select on ${views.map((view) => `sluice.${view}`).join(', ')} to ${role}`);
    // The role that reads a view calls its functions.
    await sql(database.url, `grant execute on function sluice.led_lanes to ${role}`);
    const client = await openConnection(database.url);
    await client.query(`set role ${role}`);
    const seen: string[] = [];
    for (const view of views) {
      const { rows, fields } = await client.query(`select * from sluice.${view} limit 10`);
      if (rows.length > 0) seen.push(view);
      expect(fields.map(({ name }) => name)).not.toContain('body');
      expect(JSON.stringify(rows)).not.toContain('secret');
    }
    // There are no writers, and nothing was settled.
    expect(seen).toEqual(['lane_status', 'stuck_write', 'awaited_status', 'blocked_chain']);
    await expect(client.query('select from sluice.intake')).rejects.toMatchObject({ code: '42501' });
    await expect(client.query('select from sluice.dead_letter')).rejects.toMatchObject({ code: '42501' });
  });
});
