// Plans of prepared statements outlive the state of the tables that they were made for. The intake and what blocked writes
// await are empty most of the time, and PostgreSQL knows it: a scan of all of it then looks as cheap as a look for one row,
// and is pinned for the next burst. So the statements are written in such a way that nothing but a look for one row is
// possible.

import { queries, Session } from '@sluice/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { explainGeneric } from '../support/explain.ts';

const database = useDatabase();
let session: Session;

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'test' });
  await session.query('vacuum (analyze) sluice.intake');
  await session.query('vacuum (analyze) sluice.awaited');
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
  beat: 'by the first blocked write of each lane, once the plan knows of some',
  noteFailures: 'by its slices',
};

test('statements on the way of a write look for the rows they want, however empty their tables were', async () => {
  const scans: string[] = [];
  let planned = 0;
  for (const { name, text, file } of queries.values()) {
    if (!/^(commit|facts|intake|blocked|lane|outcome)\b/.test(file) || name in excused) continue;
    const plan = (await explainGeneric((explained) => session.query(explained), text)) as PlanNode;
    planned += 1;
    for (const node of nodesOf(plan)) if (isScanOfAll(node)) scans.push(`${name}: ${node['Index Name']}`);
  }
  expect(planned).toBeGreaterThan(50);
  expect(scans).toEqual([]);
});

function* nodesOf(node: PlanNode): Iterable<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodesOf(child);
}

function isScanOfAll(node: PlanNode): boolean {
  const isLookup = node['Index Cond'] ?? node['Recheck Cond'];
  const isTable = ['intake', 'awaited'].includes(node['Relation Name'] ?? '');
  return (
    isTable &&
    node['Node Type'].endsWith('Scan') &&
    node['Node Type'] !== 'Tid Scan' &&
    isLookup === undefined
  );
}
