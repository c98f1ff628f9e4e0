/** One load on one deployment: its latencies, and its CPU time, especially that of PostgreSQL. */
import { BenchProcess } from '../bench-process.ts';
import type { Code } from '../code.ts';
import { processesCpuMs, serverCpuMs } from '../cpu-time.ts';
import { CounterReader } from '../database-counters.ts';
import type { Task } from '../process/task.ts';
import { readStatements, resetStatements, type StatementTime } from '../profile.ts';
import { percentile } from '../statistics.ts';
import { rateOf } from '../usage.ts';
import type { Deployment } from './deployment.ts';
import { countMissedHints } from './missed-hints.ts';

export interface LoadFigures {
  /** Requests answered with 200 or 201. */
  documents: number;
  /** Requests answered otherwise. */
  failed: number;
  seconds: number;
  documentsPerSecond: number;
  /** Milliseconds until the answer: in an open loop from the intended start, otherwise from the request. */
  p50Ms: number | null;
  p90Ms: number | null;
  p99Ms: number | null;
  maxMs: number | null;
  /** Open loop: how late the requests were sent, an error of the measurement. */
  lateP99Ms: number | null;
  missedHints: number;
  /** Null: the contender makes no batches. */
  writesPerBatch: number | null;
  /** Microseconds of CPU time, without the warm-up; null: unknown. */
  cpuUsPerDocument: CpuByProcess;
  /** Only with a profile. */
  statements?: StatementTime[];
  /** Open loop, only with a profile: when each request was sent, in milliseconds after the warm-up. */
  arrivalsMs?: number[];
}

export interface CpuByProcess {
  postgres: number | null;
  nodes: number | null;
  writers: number | null;
}

export interface MeasureLoadOptions {
  deployment: Deployment;
  task: Task;
  code: Code;
  serverPid: number | null;
  warmupMs: number;
  durationMs: number;
  /** Whether the server counts the time of each statement. */
  withStatements: boolean;
  /** Whether the figures have each arrival. */
  withArrivals?: boolean;
}

export async function measureLoad(options: MeasureLoadOptions): Promise<LoadFigures> {
  const {
    deployment,
    task,
    code,
    serverPid,
    warmupMs,
    durationMs,
    withStatements,
    withArrivals = false,
  } = options;
  const counters = await CounterReader.open(deployment.url);
  try {
    const load = await BenchProcess.start({ task, code, profileFolder: null });
    try {
      const metricsUrls = deployment.writers.map(({ metricsUrl }) => metricsUrl);
      const missedBefore = await countMissedHints(metricsUrls);
      const { warm, result } = load.go(warmupMs, durationMs);
      await warm;
      if (withStatements) await resetStatements(counters.client);
      const since = await counters.readClock();
      const before = cpuMsOf(deployment, serverPid);
      const { documents, elapsedMs, latencies, openLoop } = (await result).result;
      const after = cpuMsOf(deployment, serverPid);
      const statements = withStatements ? { statements: await readStatements(counters.client) } : {};
      const sorted = latencies.sort();
      return {
        documents,
        failed: openLoop?.failed ?? 0,
        ...rateOf(documents, elapsedMs),
        p50Ms: percentile(sorted, 50),
        p90Ms: percentile(sorted, 90),
        p99Ms: percentile(sorted, 99),
        maxMs: percentile(sorted, 100),
        lateP99Ms: openLoop?.lateP99Ms ?? null,
        missedHints: (await countMissedHints(metricsUrls)) - missedBefore,
        writesPerBatch: await counters.writesPerBatch(since),
        cpuUsPerDocument: {
          postgres: usEach(before.postgres, after.postgres, documents),
          nodes: usEach(before.nodes, after.nodes, documents),
          writers: usEach(before.writers, after.writers, documents),
        },
        ...statements,
        ...(withArrivals && openLoop !== undefined ? { arrivalsMs: openLoop.sentAt } : {}),
      };
    } finally {
      await load.stop();
    }
  } finally {
    await counters.close();
  }
}

function cpuMsOf({ nodes, writers }: Deployment, serverPid: number | null): CpuByProcess {
  return {
    postgres: serverCpuMs(serverPid),
    nodes: processesCpuMs(nodes.map(({ pid }) => pid)),
    writers: processesCpuMs(writers.map(({ pid }) => pid)),
  };
}

function usEach(fromMs: number | null, toMs: number | null, documents: number): number | null {
  if (fromMs === null || toMs === null || documents === 0) return null;
  return Number((((toMs - fromMs) * 1000) / documents).toPrecision(4));
}
