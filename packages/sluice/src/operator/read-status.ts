/** The state of a deployment and its problems on one screen. It asks the database alone. */
import { holderText, schemaVersion, type Database } from '#store';
import type { LaneStatus, Status, StuckCounts } from './contract.ts';
import { listLanes } from './list-lanes.ts';
import { countStuck, rounded } from './list-stuck.ts';
import { listWriters } from './list-writers.ts';
import { readClock } from './read-clock.ts';

export interface StatusOptions {
  /** Writes that wait for longer, in seconds, are a problem. @default 30 */
  olderThanSeconds?: number;
}

/** Documents and references are counted up to this number, and estimated beyond. */
const countedMax = 100_000;

export async function readStatus(database: Database, options: StatusOptions = {}): Promise<Status> {
  const { olderThanSeconds = 30 } = options;
  const settings = new Map((await database.run('readSettings')).map((row) => [row['name'], row['value']]));
  const [stored = {}] = await database.run('countStored', [countedMax]);
  const lanes = await listLanes(database);
  const writers = await listWriters(database);
  const waiting = await countStuck(database, { olderThanSeconds });
  const readAt = await readClock(database);
  const now = Date.parse(readAt);
  const oldest = lanes.flatMap(({ oldestAcceptedAt }) =>
    oldestAcceptedAt === null ? [] : [now - Date.parse(oldestAcceptedAt)],
  );
  const status: Omit<Status, 'isHealthy' | 'problems'> = {
    readAt,
    schemaVersion: Number(settings.get('schema_version')) || null,
    modelHash: (settings.get('model_hash') as string | undefined) ?? null,
    documents: stored['documents'] as number,
    references: stored['references'] as number,
    isEstimated: stored['is_estimated'] as boolean,
    backlog: lanes.reduce((sum, { ready, blocked }) => sum + ready + blocked, 0),
    blocked: lanes.reduce((sum, { blocked }) => sum + blocked, 0),
    deadLetters: stored['dead_letters'] as number,
    oldestSeconds: oldest.length === 0 ? null : rounded(Math.max(...oldest) / 1000),
    lanesWithoutLeader: lanes.filter(({ isLed }) => !isLed).length,
    lanesPaused: lanes.filter(({ pausedAt }) => pausedAt !== null).length,
    lanesRetrying: lanes.filter(isTriedAgain).length,
    writers: writers.filter(({ state }) => state !== 'gone' && state !== 'stopped').length,
    olderThanSeconds,
    waiting,
    lanes,
  };
  const problems = problemsOf(status, writers.length > 0);
  return { isHealthy: problems.length === 0, problems, ...status };
}

function problemsOf(status: Omit<Status, 'isHealthy' | 'problems'>, hasHadWriters: boolean): string[] {
  const { lanes, deadLetters, backlog, waiting, olderThanSeconds } = status;
  const problems: string[] = [];
  const tell = (some: readonly LaneStatus[], what: string): void => {
    if (some.length > 0) problems.push(`${lanesText(some.map(({ lane }) => lane))} ${what}`);
  };
  if (status.schemaVersion !== schemaVersion)
    problems.push(`the schema has version ${status.schemaVersion}, and this program needs ${schemaVersion}`);
  if (lanes.length === 0) problems.push('no node or writer has started on this database yet');
  // If all nodes work in direct or local mode, no session leads and nothing waits.
  if (hasHadWriters || backlog > 0)
    tell(
      lanes.filter(({ isLed }) => !isLed),
      'without a leader',
    );
  for (const [holder, locked] of lockedLanes(lanes)) tell(locked, `locked by ${holder}`);
  tell(
    lanes.filter(({ pausedAt }) => pausedAt !== null),
    'paused',
  );
  tell(lanes.filter(isTriedAgain), 'tried again, after an error or the crash of a leader');
  if (deadLetters > 0) problems.push(`${deadLetters} ${deadLetters === 1 ? 'dead letter' : 'dead letters'}`);
  const late = lateOf(waiting);
  if (late > 0)
    problems.push(
      `${late} ${late === 1 ? 'write waits' : 'writes wait'} for longer than ${olderThanSeconds} s`,
    );
  return problems;
}

/** Lanes whose locks other programs hold, by holder. */
export function lockedLanes(lanes: readonly LaneStatus[]): Map<string, LaneStatus[]> {
  const locked = new Map<string, LaneStatus[]>();
  for (const lane of lanes) {
    if (lane.lockedBy === null) continue;
    const holder = holderText(lane.lockedBy);
    locked.set(holder, [...(locked.get(holder) ?? []), lane]);
  }
  return locked;
}

function isTriedAgain({ retry, quarantinedSince }: LaneStatus): boolean {
  return retry !== null || quarantinedSince !== null;
}

/** Writes with a deadline of their own are late only after that. */
function lateOf({ reasons }: StuckCounts): number {
  return Object.entries(reasons).reduce(
    (sum, [reason, { writes, withinDeadline }]) =>
      reason === 'dead_letter' ? sum : sum + writes - (reason === 'blocked' ? withinDeadline : 0),
    0,
  );
}

/** `lane 3`, `lanes 0–7, 9` */
export function lanesText(lanes: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const lane of lanes) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === lane - 1) last[1] = lane;
    else ranges.push([lane, lane]);
  }
  const text = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
  return `${lanes.length === 1 ? 'lane' : 'lanes'} ${text}`;
}
