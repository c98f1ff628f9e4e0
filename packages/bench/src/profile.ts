/** Where the time is spent: by statement, as the server counts it, and by function of each process, from its CPU profile. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type pg from 'pg';

export interface StatementTime {
  /** The beginning of its text. */
  statement: string;
  calls: number;
  /** Total milliseconds, without planning. */
  executionMs: number;
  planningMs: number;
  rows: number;
}

export interface FunctionTime {
  name: string;
  place: string;
  /** Milliseconds in the function itself, without calls. */
  selfMs: number;
}

export interface ProcessTime {
  process: string;
  busyMs: number;
  garbageMs: number;
  functions: FunctionTime[];
}

const statementsShown = 40;
const functionsShown = 40;

/** Resets the counters. */
export async function resetStatements(client: pg.Client): Promise<void> {
  await client.query('create extension if not exists pg_stat_statements');
  await client.query('select pg_stat_statements_reset()');
}

/** Statements of this database since then. Statements inside others, like checks of foreign keys, count separately. */
export async function readStatements(client: pg.Client): Promise<StatementTime[]> {
  const { rows } = await client.query<Record<'statement', string> & Record<string, number>>(
    `select regexp_replace(left(query, 400), '\\s+', ' ', 'g') as statement, calls::float8 as calls,
            total_exec_time as execution, total_plan_time as planning, rows::float8 as rows
     from pg_stat_statements
     where dbid = (select oid from pg_database where datname = current_database())
     order by total_exec_time + total_plan_time desc limit $1`,
    [statementsShown],
  );
  return rows.map((row) => ({
    statement: row.statement.slice(0, 160),
    calls: row['calls'] ?? 0,
    executionMs: Math.round((row['execution'] ?? 0) * 10) / 10,
    planningMs: Math.round((row['planning'] ?? 0) * 10) / 10,
    rows: row['rows'] ?? 0,
  }));
}

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** The profiles of a folder that are newer than `since`, in milliseconds. */
export function readProfiles(folder: string, since: number): ProcessTime[] {
  return readdirSync(folder)
    .filter((file) => Number(/-(\d+)\.cpuprofile$/.exec(file)?.[1] ?? 0) >= since)
    .map((file) => summarizeProfile(join(folder, file)));
}

function summarizeProfile(file: string): ProcessTime {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, FunctionTime>();
  let idleMs = 0;
  let garbageMs = 0;
  let allMs = 0;
  samples.forEach((id, index) => {
    const frame = frames.get(id);
    const milliseconds = (timeDeltas[index] ?? 0) / 1000;
    allMs += milliseconds;
    if (frame === undefined) return;
    const { functionName, url, lineNumber } = frame;
    if (functionName === '(idle)') idleMs += milliseconds;
    if (functionName === '(garbage collector)') garbageMs += milliseconds;
    const place = url === '' ? '' : `${placeOf(url)}:${lineNumber + 1}`;
    const key = `${functionName} ${place}`;
    const known = times.get(key);
    if (known === undefined) {
      times.set(key, {
        name: functionName === '' ? '(anonymous)' : functionName,
        place,
        selfMs: milliseconds,
      });
    } else known.selfMs += milliseconds;
  });
  const functions = [...times.values()]
    .filter(({ name }) => name !== '(idle)')
    .sort((one, other) => other.selfMs - one.selfMs)
    .slice(0, functionsShown)
    .map((each) => ({ ...each, selfMs: Math.round(each.selfMs) }));
  return {
    process: basename(file).replace(/-\d+\.cpuprofile$/, ''),
    busyMs: Math.round(allMs - idleMs),
    garbageMs: Math.round(garbageMs),
    functions,
  };
}

/** The last folders and the file, which is enough to find it. */
function placeOf(url: string): string {
  return url.split('/').slice(-3).join('/');
}
