/** Lanes: the leader of each, its waiting writes and the reasons. */
import type { Database, Row } from '#store';
import type { LaneStatus, Leadership } from './contract.ts';

export async function listLanes(database: Database): Promise<LaneStatus[]> {
  return (await database.run('listLanes')).map(laneStatusOf);
}

export async function findLane(database: Database, lane: number): Promise<LaneStatus | null> {
  const [row] = await database.run('findLanes', [[lane]]);
  return row === undefined ? null : laneStatusOf(row);
}

/** The leadership of named lanes, without counting their waiting writes. */
export async function readLeadership(
  database: Database,
  lanes: readonly number[],
): Promise<Map<number, Leadership>> {
  if (lanes.length === 0) return new Map();
  const rows = await database.run('readLeadership', [[...new Set(lanes)]]);
  return new Map(rows.map((row) => [row['lane'] as number, leadershipOf(row)]));
}

function laneStatusOf(row: Row): LaneStatus {
  return {
    ...leadershipOf(row),
    ready: row['ready'] as number,
    blocked: row['blocked'] as number,
    oldestAcceptedAt: row['oldest_accepted_at'] as string | null,
  };
}

function leadershipOf(row: Row): Leadership {
  const host = row['host'] as string | null;
  const attempt = row['retry_attempt'] as number | null;
  return {
    lane: row['lane'] as number,
    reason: row['reason'] as LaneStatus['reason'],
    isLed: row['is_led'] as boolean,
    term: row['term'] as number,
    writer:
      host === null
        ? null
        : { writerId: row['writer_id'] as string, host, processId: row['process_id'] as number },
    ledSince: row['led_since'] as string | null,
    leaderlessSince: row['leaderless_since'] as string | null,
    pausedAt: row['paused_at'] as string | null,
    pausedBy: row['paused_by'] as string | null,
    retry:
      attempt === null
        ? null
        : {
            error: row['retry_error'] as string | null,
            attempt,
            since: row['retry_since'] as string,
            nextAt: row['retry_next_at'] as string,
          },
    lockedBy:
      row['is_locked_by_stranger'] === true
        ? {
            pid: row['stranger_pid'] as number | null,
            application: row['stranger_application'] as string,
            role: row['stranger_role'] as string,
            since: row['stranger_since'] as string | null,
          }
        : null,
    quarantinedSince: row['suspect_since'] as string | null,
  };
}
