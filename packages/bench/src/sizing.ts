/**
 * What a deployment can write, from what one document and one batch cost: the lowest of the limits that each resource
 * sets. docs/performance.md has the formulas in prose. It predicts saturation with clients enough; no latencies.
 */
import type { BenchReport } from './bench.ts';

/** Of one document, unless said otherwise. */
export interface Costs {
  /** CPU microseconds of the process that embeds the client, of the writer, of PostgreSQL. */
  nodeCpuUs: number;
  writerCpuUs: number;
  postgresCpuUs: number;
  /** Microseconds that one writer session is busy with it, waits for flush and distance left out. */
  sessionUs: number;
  walBytes: number;
  /** Over all connections to PostgreSQL. */
  networkBytes: number;
  /** Milliseconds until a batch's WAL is durable. */
  flushMs: number;
  batchWrites: number;
}

export interface Deployment {
  /** Cores of the one machine that all share, or of one machine each. */
  cores: number | { nodes: number; writers: number; postgres: number };
  /** Node.js runs JavaScript on one core for each process. */
  nodeProcesses: number;
  writerProcesses: number;
  sessionsPerWriter: number;
  /** Between writers and PostgreSQL. */
  rttMs: number;
  walBytesPerSecond: number;
  networkBytesPerSecond: number;
}

export const limitNames = [
  'cpu',
  'nodeProcesses',
  'writerProcesses',
  'writerSessions',
  'wal',
  'network',
] as const;
export type LimitName = (typeof limitNames)[number];

export interface Prediction {
  documentsPerSecond: number;
  limitedBy: LimitName;
  /** Documents per second that each resource alone would allow. */
  limits: Record<LimitName, number>;
}

/** Of a batch: the fence with the ready writes, the facts, the commit. */
export const roundTripsPerBatch = 3;

export function predict(costs: Costs, deployment: Deployment): Prediction {
  const { nodeCpuUs, writerCpuUs, postgresCpuUs, sessionUs, batchWrites, flushMs } = costs;
  const { cores, nodeProcesses, writerProcesses, sessionsPerWriter, rttMs } = deployment;
  const perSecond = (us: number): number => 1_000_000 / us;
  const batchUs = batchWrites * sessionUs + (flushMs + roundTripsPerBatch * rttMs) * 1000;
  const limits: Prediction['limits'] = {
    cpu:
      typeof cores === 'number'
        ? cores * perSecond(nodeCpuUs + writerCpuUs + postgresCpuUs)
        : Math.min(
            cores.nodes * perSecond(nodeCpuUs),
            cores.writers * perSecond(writerCpuUs),
            cores.postgres * perSecond(postgresCpuUs),
          ),
    nodeProcesses: nodeProcesses * perSecond(nodeCpuUs),
    writerProcesses: writerProcesses * perSecond(writerCpuUs),
    writerSessions: writerProcesses * sessionsPerWriter * batchWrites * perSecond(batchUs),
    wal: deployment.walBytesPerSecond / costs.walBytes,
    network: deployment.networkBytesPerSecond / costs.networkBytes,
  };
  const limitedBy = limitNames.reduce((lowest, name) => (limits[name] < limits[lowest] ? name : lowest));
  return { documentsPerSecond: limits[limitedBy], limitedBy, limits };
}

/**
 * Costs as two runs have found them, each at the largest value of its axis.
 * @param load Of `coordinated`, with clients enough to fill its batches
 * @param backlog Of `coordinated` with one session, which is never idle there
 */
export function costsOf(load: BenchReport, backlog: BenchReport): Costs {
  const loaded = coordinatedOf(load);
  const drained = coordinatedOf(backlog);
  const known = (what: string, figure: number | null | undefined): number => {
    if (figure === null || figure === undefined)
      throw new Error(`Cannot compute costs: the report has no figure for ${what}`);
    return figure;
  };
  const flushMs = backlog.server.flush?.p50Ms ?? backlog.server.commit.p50Ms;
  const { rttMs } = backlog.options as { rttMs: number };
  const batchWrites = Math.max(...(backlog.options['batchWritesMax'] as number[]));
  const waitUs = ((flushMs + roundTripsPerBatch * rttMs) * 1000) / batchWrites;
  return {
    nodeCpuUs: known('CPU time', loaded.cpuUsPerDocument.clients?.median),
    writerCpuUs: known('CPU time', loaded.cpuUsPerDocument.others?.median),
    postgresCpuUs: known('CPU time', loaded.cpuUsPerDocument.postgres?.median),
    sessionUs: 1_000_000 / drained.documentsPerSecond.median - waitUs,
    walBytes: loaded.walBytesPerDocument.median,
    networkBytes: known('the network', loaded.networkBytesPerDocument?.median),
    flushMs,
    batchWrites,
  };
}

function coordinatedOf({ results }: BenchReport) {
  const largest = results.toSorted((one, other) => other.value - one.value)[0];
  const summary = largest?.contenders.coordinated;
  if (summary === undefined)
    throw new Error('Cannot compute costs: the contender coordinated was not measured');
  return summary;
}
