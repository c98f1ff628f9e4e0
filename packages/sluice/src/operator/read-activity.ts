/**
 * Shows from the outcomes what has been settled: by minute, and now by lane, both by the database's clock. If there
 * are many outcomes, it reads a sample and estimates the rest, so the cost is the same at any rate.
 */
import type { Database, Row } from '#store';
import type { ActivityMinute, LaneActivity } from './contract.ts';

const minuteMs = 60_000;
/** Most outcomes that are read for one minute, and for all lanes. */
const sampledMax = 2_000;
const latestMax = 20_000;

/** @param minutes Start of each minute, in ISO 8601. */
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
  // The sample is the first part of the minute.
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

/** Lanes in which writes were settled recently. */
export async function readLaneActivity(database: Database): Promise<LaneActivity[]> {
  return (await database.run('sampleLanes', [latestMax])).map((row) => ({
    lane: row['lane'] as number,
    writesPerSecond: row['rate'] as number,
    batchWrites: row['batch_writes'] as number,
    batchMs: row['batch_ms'] as number,
  }));
}

/** Clocks of nodes and of the database differ a little, so the result may be slightly wrong. */
function milliseconds(value: unknown): number | null {
  return value === null ? null : Math.max(0, Math.round(value as number));
}
