// Plans of prepared statements outlive the state of the tables that they were made for. The intake and what blocked writes
// await are empty most of the time, outcomes and idempotency keys after a quiet day, and PostgreSQL knows it: a scan of all
// of it then looks as cheap as a look for one row, and is pinned for the next burst. So the statements are written in such a way that nothing but a look for one row is
// possible.

import { queries, Session } from 'sluice/internal/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { explainGeneric } from '../support/explain.ts';
import { sql } from '../support/sql.ts';

/** Tables that are empty at times. */
const emptied = ['intake', 'awaited', 'outcome', 'idempotency_key'];

const database = useDatabase();
let session: Session;
/** Once the server knows that the tables are empty, and before it does. */
let plans: Planned[];
let plansBefore: Planned[];

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'test' });
  plansBefore = await planAll();
  for (const table of emptied) await session.query(`vacuum (analyze) sluice.${table}`);
  plans = await planAll();
});
afterAll(() => session.close());

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Recheck Cond'?: string;
  Plans?: PlanNode[];
}

/** Blocked writes are looked at as a whole on purpose, or few of them are; what is said of each is how it is bounded. */
const excused: Readonly<Record<string, string>> = {
  expireReferenceDeadlines: 'by the index of deadlines that have passed',
  countBlocked: 'by the quota',
  heartbeat: 'by the first blocked write of each lane, once the plan knows of some',
  noteFailures: 'by its slices',
};

interface Planned {
  name: string;
  file: string;
  nodes: PlanNode[];
}

/** The plan of every statement of ours, as a session of ours makes it. */
async function planAll(): Promise<Planned[]> {
  const planned: Planned[] = [];
  for (const { name, text, file } of queries.values()) {
    const plan = (await explainGeneric((explained) => session.query(explained), text)) as PlanNode;
    planned.push({ name, file, nodes: [...nodesOf(plan)] });
  }
  return planned;
}

test('statements of a write find their rows by an index, however empty their tables were', () => {
  const onTheWay = plans.filter(
    ({ name, file }) => /^(commit|facts|intake|blocked|lane|outcome)\b/.test(file) && !(name in excused),
  );
  const scans = onTheWay.flatMap(({ name, nodes }) =>
    nodes.filter((node) => isScanOfAll(node)).map((node) => `${name}: ${node['Index Name']}`),
  );
  expect(onTheWay.length).toBeGreaterThan(50);
  expect(scans).toEqual([]);
});

test('every index is used by a statement', async () => {
  const both = [...plansBefore, ...plans];
  const used = new Set(both.flatMap(({ nodes }) => nodes.map((node) => node['Index Name'])));
  const rows = await session.query(
    `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
     where c.relnamespace = 'sluice'::regnamespace and not i.indisunique`,
  );
  expect(rows.length).toBeGreaterThan(10);
  expect(rows.map(({ name }) => name as string).filter((name) => !used.has(name))).toEqual([]);
});

/** Tables whose rows nobody counts. */
const growing = ['alias', 'dead_letter', 'document', 'idempotency_key', 'outcome', 'reference'];

/** Reads of a whole table, each bounded otherwise. */
const readsAll: Readonly<Record<string, string>> = {
  countStuck: 'by its bound; writes that wait have no index for each filter',
  countDeadLetters: 'by its bound',
  countStored: 'by its bound',
  measureDatabase: 'by its bound',
  readLoss: 'by nothing: an operator asks once, before a deployment is dropped',
  findWriteIdsByKey: 'by the number of clients, each a look for the first key after the last client',
};

test('no statement reads all rows of a table that grows', () => {
  const scans = plans.flatMap(({ name, nodes }) =>
    nodes
      .filter(
        (node) =>
          growing.includes(node['Relation Name'] ?? '') &&
          node['Node Type'].endsWith('Scan') &&
          !node['Node Type'].startsWith('Tid') &&
          (node['Index Cond'] ?? node['Recheck Cond']) === undefined,
      )
      .map((node) => `${name}: ${node['Relation Name']} by ${node['Index Name'] ?? 'no index'}`),
  );
  expect(scans.filter((scan) => !((scan.split(':')[0] ?? '') in readsAll))).toEqual([]);
});

test('a plan that was made for an empty table is made again as transactions go on', async () => {
  const tables = ['alias', 'document', 'reference'];
  for (const table of tables) await session.query(`vacuum (analyze) sluice.${table}`);
  const names = ['readAliases', 'updateDocuments', 'removeReferences'];
  const batch = names.map((name) => {
    const parameters = [...queries.get(name)!.text.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place));
    return { name, values: Array.from({ length: Math.max(...parameters) }, () => []) };
  });
  const settleNothing = () => session.flight([{ name: 'begin' }, ...batch, { name: 'commit' }]);
  const scansOfAll = async (): Promise<string[]> => {
    const scans: string[] = [];
    for (const { name, values } of batch) {
      const [row] = await session.query(
        `explain (format json) execute "${name}" (${values.map(() => 'null').join(', ')})`,
      );
      const [{ Plan: plan }] = row!['QUERY PLAN'] as [{ Plan: PlanNode }];
      if ([...nodesOf(plan)].some((node) => isScanOfAll(node, tables))) scans.push(name);
    }
    return scans;
  };

  await settleNothing();
  // The fault that this test is about: PostgreSQL takes a scan of an empty table for cheaper than any look.
  expect(await scansOfAll()).toEqual(names);
  await sql(
    database.url,
    `set session_replication_role = replica;
     insert into sluice.alias select gen_random_uuid(), gen_random_uuid(), 0 from generate_series(1, 3000);
     insert into sluice.reference select gen_random_uuid(), gen_random_uuid(), 0 from generate_series(1, 3000);
     insert into sluice.document
       (document_id, referential_id, version, lane, resource, content_hash, body)
     select gen_random_uuid(), gen_random_uuid(), 1, 0, 'ed-fi/schools', repeat('a', 64), '{"a": 1}'
     from generate_series(1, 3000);`,
  );
  for (let transactions = 1; transactions < 8; transactions++) await settleNothing();
  expect(await scansOfAll()).toEqual([]);
});

function* nodesOf(node: PlanNode): Iterable<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodesOf(child);
}

function isScanOfAll(node: PlanNode, tables: readonly string[] = ['intake', 'awaited']): boolean {
  const isLookup = node['Index Cond'] ?? node['Recheck Cond'];
  const isTable = tables.includes(node['Relation Name'] ?? '');
  return (
    isTable &&
    node['Node Type'].endsWith('Scan') &&
    node['Node Type'] !== 'Tid Scan' &&
    isLookup === undefined
  );
}
