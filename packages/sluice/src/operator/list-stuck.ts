/** Lists waiting writes and dead letters, each with its reason, page by page, and counts them. */
import type { Model } from '#model';
import { SluiceError, type Reason } from '#protocol';
import type { Database, Row } from '#store';
import { readAwaited } from './awaited.ts';
import { readLockHolders } from './lock-holders.ts';
import { readLeadership } from './list-lanes.ts';
import type { StuckCounts, StuckFilter, StuckList, StuckPage, StuckWrite } from './contract.ts';
import { checkIds, filterValues, type FilterValues } from './stuck-filter.ts';

export const stuckPageMax = 1000;
const beforeAll = '00000000-0000-0000-0000-000000000000';

/**
 * The oldest first, in the order in which the writes were made.
 * @param model Names the documents that blocked writes await, from the bodies of the writes on the page.
 * @throws {SluiceError} `invalid_request` for an invalid filter or page
 */
export async function listStuck(
  database: Database,
  filter: StuckFilter = {},
  page: StuckPage = {},
  model: Model | null = null,
): Promise<StuckList> {
  const limit = page.limit ?? 100;
  if (!Number.isInteger(limit) || limit < 1 || limit > stuckPageMax) {
    throw new SluiceError('invalid_request', `Cannot list: limit is not from 1 to ${stuckPageMax}: ${limit}`);
  }
  const [after = beforeAll] = page.after === undefined ? [] : checkIds([page.after]);
  const values = await filterValues(database, filter);
  const patience = await filterValues(database, { olderThanSeconds: page.patienceSeconds ?? 0 });
  const rows = await readPage(database, values, after, limit, patience[0]);
  const writes = await describe(database, rows, model);
  return { writes, next: rows.length === limit ? (writes.at(-1)?.writeId ?? null) : null };
}

/**
 * A page of plain rows; if it has `limit` rows, there may be another page.
 * @param waitingSince Only dead letters, and writes that were accepted by then.
 */
export function readPage(
  database: Database,
  values: FilterValues,
  after: string,
  limit: number,
  waitingSince: string | null = null,
): Promise<Row[]> {
  return database.run('listStuck', [after, ...values, limit, waitingSince]);
}

/** Named writes that wait or are dead letters. */
export async function findStuck(
  database: Database,
  writeIds: readonly string[],
  model: Model | null = null,
): Promise<StuckWrite[]> {
  return describe(database, await database.run('findStuck', [writeIds]), model);
}

/** Counts by reason, up to a limit. @param bound @default 1000000 */
export async function countStuck(
  database: Database,
  filter: StuckFilter = {},
  bound = 1_000_000,
): Promise<StuckCounts> {
  const rows = await database.run('countStuck', [...(await filterValues(database, filter)), bound]);
  const counts: StuckCounts = { total: 0, isBounded: false, reasons: {} };
  for (const row of rows) {
    const writes = row['writes'] as number;
    counts.total += writes;
    counts.reasons[row['reason'] as Reason] = {
      writes,
      withinDeadline: row['within_deadline'] as number,
      oldestSeconds: rounded(row['oldest_seconds'] as number),
    };
  }
  counts.isBounded = counts.total >= bound;
  return counts;
}

/** @param bound Counting ends at this number. @default 10000 */
export async function countDeadLetters(
  database: Database,
  bound = 10_000,
): Promise<{ count: number; isBounded: boolean }> {
  const [row] = await database.run('countDeadLetters', [bound]);
  const count = row?.['writes'] as number;
  return { count, isBounded: count >= bound };
}

/** Reasons that concern the whole lane. */
const laneReasons: ReadonlySet<Reason> = new Set(['lane_without_leader', 'lane_paused', 'retrying']);

/** Most awaited things that a list shows for one write. */
const awaitedShown = 5;

async function describe(
  database: Database,
  rows: readonly Row[],
  model: Model | null,
): Promise<StuckWrite[]> {
  const writes = rows.map(stuckWriteOf);
  const blocked = writes.filter(({ reason }) => reason === 'blocked');
  const awaited = await readAwaited(database, blocked, awaitedShown, model);
  for (const write of blocked) write.awaits = awaited.get(write.writeId) ?? [];
  const held = writes.filter(({ reason }) => laneReasons.has(reason));
  const lanes = await readLeadership(
    database,
    held.map(({ lane }) => lane),
  );
  for (const write of held) write.leadership = lanes.get(write.lane) ?? null;
  const locked = writes.filter(({ reason }) => reason === 'locked' || reason === 'retrying');
  const holders = await readLockHolders(database, locked);
  for (const write of locked) write.heldBy = holders.get(write.writeId) ?? [];
  return writes;
}

function stuckWriteOf(row: Row): StuckWrite {
  const reason = row['reason'] as Reason;
  const attempts = row['attempts'] as number | null;
  return {
    writeId: row['write_id'] as string,
    reason,
    lane: row['lane'] as number,
    operation: row['operation'] as StuckWrite['operation'],
    resource: row['resource'] as string,
    client: row['client'] as string,
    documentId: row['document_id'] as string,
    acceptedAt: row['accepted_at'] as string,
    ageSeconds: rounded(row['age_seconds'] as number),
    since: row['since'] as string,
    referenceDeadline: row['reference_deadline'] as string | null,
    awaitsCount: row['awaits'] as number,
    awaits: [],
    leadership: null,
    heldBy: [],
    error:
      attempts === null
        ? null
        : {
            code: row['error_code'] as string | null,
            constraint: row['error_constraint'] as string | null,
            table: row['error_table'] as string | null,
          },
    attempts,
    nextAt: row['next_at'] as string | null,
  };
}

/** Seconds with one digit, at least 0, because clocks may step back. */
export function rounded(seconds: number): number {
  return Math.max(0, Math.round(seconds * 10) / 10);
}
