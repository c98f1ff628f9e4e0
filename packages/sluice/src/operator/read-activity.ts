/**
 * What has been settled, as the outcomes tell it: minute by minute, and lane by lane just now, both by the database's
 * clock. Where much was settled, a bounded part of it is looked at and the rest told from that, so that looking costs the
 * same at any rate.
 */
import type { Database, Row } from '#store';
import type { ActivityMinute, LaneActivity } from './contract.ts';

const minuteMs = 60_000;
/** Outcomes that are looked at for one minute, and for all lanes. */
const sampledMax = 2_000;
const latestMax = 20_000;

/** @param minutes When each begins, in ISO 8601. */
export async function readActivity(
  database: Database,
  minutes: readonly string[],
): Promise<ActivityMinute[]> {
  if (minutes.length === 0) return [];
  const rows = await database.run('sampleActivity', [minutes, sampledMax]);
  return rows.map(activityOf).sort((a, b) => (a.minute < b.minute ? -1 : 1));
}

function activityOf(row: Row): ActivityMinute {
  const sampled = row['writes'] as number;
  const isSampled = sampled >= sampledMax;
  // The sample is the beginning of the minute, up to where it ended.
  const factor = isSampled ? minuteMs / Math.max(1, row['span_ms'] as number) : 1;
  const count = (writes: number): number => Math.round(writes * factor);
  return {
    minute: row['began_at'] as string,
    writes: count(sampled),
    refused: count(row['refused'] as number),
    notApplied: count(row['not_applied'] as number),
    p50Ms: milliseconds(row['p50_ms']),
    p99Ms: milliseconds(row['p99_ms']),
    isSampled,
    lanes: Object.fromEntries(
      Object.entries(row['lanes'] as Record<string, number>).map(([lane, writes]) => [lane, count(writes)]),
    ),
  };
}

/** Lanes in which something was settled of late. */
export async function readLaneActivity(database: Database): Promise<LaneActivity[]> {
  return (await database.run('sampleLanes', [latestMax])).map((row) => ({
    lane: row['lane'] as number,
    writesPerSecond: row['rate'] as number,
    batchWrites: row['batch_writes'] as number,
    batchMs: row['batch_ms'] as number,
  }));
}

/** Clocks of nodes and of the database differ a little. */
function milliseconds(value: unknown): number | null {
  return value === null ? null : Math.max(0, Math.round(value as number));
}
