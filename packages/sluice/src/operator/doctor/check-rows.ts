/**
 * Checks that every reference of a row leads to a row. An incomplete restore, disabled triggers or other programs may
 * break references. It reads slices, each in its own statement, so nothing else waits.
 */
import type { Database } from '#store';
import { attempt, ill, well, type Finding } from './finding.ts';

export interface DeepOptions {
  /** Ends the check after the slice under way; faults that were found until then are reported. */
  signal?: AbortSignal;
  /** Called after each slice. */
  onProgress?: (progress: DeepProgress) => void;
  /** Rows in a slice. @default 5000 */
  sliceRows?: number;
}

export interface DeepProgress {
  check: string;
  /** Rows that this check has read. */
  looked: number;
}

interface RowCheck {
  check: string;
  query: string;
  /** A key before the first. */
  start: readonly (string | number)[];
  rows: string;
  says: string;
  advice: string;
}

const nil = '00000000-0000-0000-0000-000000000000';
const mend = 'docs/backup.md tells how to repair it; ';

const rowChecks: readonly RowCheck[] = [
  {
    check: 'aliases',
    query: 'checkAliases',
    start: [nil],
    rows: 'aliases',
    says: 'aliases lead to no document, or to one with another identity',
    advice: `${mend}until then nobody can create documents with these identities`,
  },
  {
    check: 'documents',
    query: 'checkIdentities',
    start: [nil],
    rows: 'documents',
    says: 'documents cannot be found by their identity',
    advice: `${mend}until then a client can create them a second time`,
  },
  {
    check: 'references',
    query: 'checkReferences',
    start: [nil, nil],
    rows: 'references',
    says: 'references lead nowhere',
    advice: `${mend}their documents refer to documents that do not exist`,
  },
  {
    check: 'awaited',
    query: 'checkAwaited',
    start: [nil, nil],
    rows: 'rows of awaited',
    says: 'rows of sluice.awaited belong to no waiting write',
    advice: `${mend}they do no harm, and cost time`,
  },
  {
    check: 'blocked',
    query: 'checkBlocked',
    start: [-1, 0],
    rows: 'blocked writes',
    says: 'blocked writes have no row in sluice.awaited, and wait for ever',
    advice: `${mend}or sluice discard ID`,
  },
  {
    check: 'idempotency_keys',
    query: 'checkKeys',
    start: ['', ''],
    rows: 'idempotency keys',
    says: 'idempotency keys belong to writes without an outcome',
    advice: `${mend}a node cannot answer a request with such a key`,
  },
  {
    check: 'organizations',
    query: 'checkOrganizations',
    start: [nil],
    rows: 'organizations',
    says: 'organizations belong to deleted documents',
    advice: mend.replace(/; $/, ''),
  },
  {
    check: 'student_schools',
    query: 'checkStudentSchools',
    start: [nil],
    rows: 'links of students to schools',
    says: 'links of students to schools belong to deleted documents',
    advice: mend.replace(/; $/, ''),
  },
];

const shownMax = 5;

/** @param database Or a transaction whose rows others cannot see yet. */
export async function checkRows(
  database: Pick<Database, 'run'>,
  options: DeepOptions = {},
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const rowCheck of rowChecks) {
    const found = await attempt(rowCheck.check, () => checkSlices(database, rowCheck, options));
    findings.push(...found);
    if (found.some(({ check }) => check === 'deep')) break;
  }
  return findings;
}

async function checkSlices(
  database: Pick<Database, 'run'>,
  rowCheck: RowCheck,
  options: DeepOptions,
): Promise<Finding[]> {
  const { looked, dangling, shown, isWhole } = await lookAt(database, rowCheck, options);
  const { check, rows, says, advice } = rowCheck;
  const findings: Finding[] = [];
  if (dangling > 0) {
    const ids = `${shown.join(', ')}${dangling > shown.length ? ', …' : ''}`;
    findings.push(ill(check, 'fault', `${dangling} ${says}: ${ids}`, advice));
  } else if (isWhole) findings.push(well(check, `All of ${looked} ${rows} lead to existing rows`));
  if (isWhole) return findings;
  const stopped = `The check was stopped at the ${rows}, after ${looked} of them: it did not read the rest`;
  return [...findings, ill('deep', 'warning', stopped, 'Run it again and let it finish')];
}

async function lookAt(
  database: Pick<Database, 'run'>,
  { check, query, start }: RowCheck,
  options: DeepOptions,
): Promise<{ looked: number; dangling: number; shown: string[]; isWhole: boolean }> {
  const { onProgress, sliceRows = 5000 } = options;
  const found = { looked: 0, dangling: 0, shown: [] as string[], isWhole: false };
  for (let after = start; options.signal?.aborted !== true;) {
    const [row = {}] = await database.run(query, [...after, sliceRows]);
    const ids = row['dangling'] as string[];
    found.looked += row['looked'] as number;
    found.dangling += ids.length;
    found.shown.push(...ids.slice(0, shownMax - found.shown.length));
    onProgress?.({ check, looked: found.looked });
    if ((row['looked'] as number) < sliceRows) return { ...found, isWhole: true };
    after = row['last'] as string[];
  }
  return found;
}
