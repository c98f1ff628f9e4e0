/**
 * The write capacity of a deployment, from the costs of one document and one batch: the lowest limit of all
 * resources. docs/performance.md has the formulas in prose. It predicts saturation with enough clients, not
 * latencies.
 */
import type { BenchReport } from './bench.ts';

/** Costs of one document, unless stated otherwise. */
export interface Costs {
  /** CPU microseconds of the process that embeds the client; then of the writer, and of PostgreSQL. */
  nodeCpuUs: number;
  writerCpuUs: number;
  postgresCpuUs: number;
  /** Microseconds of work of one writer session, without waits for flush and network. */
  sessionUs: number;
  walBytes: number;
  /** On all connections to PostgreSQL. */
  networkBytes: number;
  /** Milliseconds until the WAL of a batch is durable. */
  flushMs: number;
  batchWrites: number;
}

export interface Deployment {
  /** Cores of one shared machine, or of one machine each. */
  cores: number | { nodes: number; writers: number; postgres: number };
  /** Node.js runs JavaScript on one core for each process. */
  nodeProcesses: number;
  writerProcesses: number;
  sessionsPerWriter: number;
  /** Round-trip time between writers and PostgreSQL. */
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
 * Costs from one run or two, each at the largest value of its axis.
 * @param load A run of `coordinated` with enough clients to fill its batches
 * @param backlog A run of `coordinated` with one session, which is never idle there. Without it, a session takes as
 *   long as writer and PostgreSQL have CPU time for a document, which is an upper bound
 */
export function costsOf(load: BenchReport, backlog: BenchReport | null = null): Costs {
  const loaded = coordinatedOf(load);
  const known = (what: string, figure: number | null | undefined): number => {
    if (figure === null || figure === undefined)
      throw new Error(`Cannot compute costs: the report has no figure for ${what}`);
    return figure;
  };
  const { server, options } = backlog ?? load;
  const flushMs = server.flush?.p50Ms ?? server.commit.p50Ms;
  const { rttMs } = options as { rttMs: number };
  const batchWrites = Math.max(...(options['batchWritesMax'] as number[]));
  const waitUs = ((flushMs + roundTripsPerBatch * rttMs) * 1000) / batchWrites;
  const writerCpuUs = known('CPU time', loaded.cpuUsPerDocument.others?.median);
  const postgresCpuUs = known('CPU time', loaded.cpuUsPerDocument.postgres?.median);
  return {
    nodeCpuUs: known('CPU time', loaded.cpuUsPerDocument.clients?.median),
    writerCpuUs,
    postgresCpuUs,
    sessionUs:
      backlog === null
        ? writerCpuUs + postgresCpuUs
        : 1_000_000 / coordinatedOf(backlog).documentsPerSecond.median - waitUs,
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

/**
 * Many data stores, each with a database, on several PostgreSQL servers. The deployment's figures of PostgreSQL are
 * those of one server.
 */
export interface Stores {
  /** PostgreSQL servers, each on its own machine. */
  servers: number;
  stores: number;
  /** The store of rank n has 1 ÷ n^skew of the writes of the first one. 0: all stores have the same number. */
  skew: number;
  /** Share of the stores that are open at the same time. */
  openShare: number;
  /** Connections of a node for an open store. */
  connectionsPerNode: number;
  connectionsPerWriter: number;
  /** Series of metrics of an open store in a process. */
  seriesPerStore: number;
}

export interface StoresPrediction extends Prediction {
  /** Share of all writes of the busiest store, and of the busiest server. */
  busiestStoreShare: number;
  busiestServerShare: number;
  /** On the server with the most open stores. */
  connectionsPerServer: number;
  /** Busy cores at the predicted rate; of PostgreSQL on the busiest server. */
  busyCores: { nodes: number; writers: number; postgres: number };
  /** Seconds in which a writer checks each sleeping store of a server for writes without a node. */
  lookSeconds: number;
  /** Series that Prometheus reads of one process. */
  seriesPerProcess: number;
}

/**
 * The limits of one deployment with PostgreSQL on several servers. Stores are placed one by one on the least busy
 * server, the busiest stores first. The busiest server limits all. So does the busiest store, because one store
 * cannot be on two servers, and each writer leads it in `sessionsPerWriter` sessions.
 */
export function predictStores(
  costs: Costs,
  deployment: Omit<Deployment, 'cores'> & { cores: { nodes: number; writers: number; postgres: number } },
  { servers, stores, skew, openShare, ...per }: Stores,
): StoresPrediction {
  const shares = sharesOf(stores, skew);
  const loads = Array.from({ length: servers }, () => ({ share: 0, stores: 0 }));
  for (const share of shares) {
    const least = loads.reduce((one, other) => (other.share < one.share ? other : one));
    least.share += share;
    least.stores += 1;
  }
  const busiestStoreShare = shares[0] ?? 1;
  const busiestServerShare = Math.max(...loads.map(({ share }) => share));
  const { cores, nodeProcesses, writerProcesses } = deployment;
  const prediction = predict(costs, {
    ...deployment,
    cores: { ...cores, postgres: cores.postgres / busiestServerShare },
    sessionsPerWriter: deployment.sessionsPerWriter / busiestStoreShare,
    walBytesPerSecond: deployment.walBytesPerSecond / busiestServerShare,
    networkBytesPerSecond: deployment.networkBytesPerSecond / busiestServerShare,
  });
  const busy = (us: number): number => (prediction.documentsPerSecond * us) / 1_000_000;
  const mostStores = Math.max(...loads.map((load) => load.stores));
  const openPerServer = Math.ceil(mostStores * openShare);
  const perStore = nodeProcesses * per.connectionsPerNode + writerProcesses * per.connectionsPerWriter;
  return {
    ...prediction,
    busiestStoreShare,
    busiestServerShare,
    // One connection of each writer is for the server.
    connectionsPerServer: openPerServer * perStore + writerProcesses,
    busyCores: {
      nodes: busy(costs.nodeCpuUs),
      writers: busy(costs.writerCpuUs),
      postgres: busy(costs.postgresCpuUs) * busiestServerShare,
    },
    lookSeconds: mostStores,
    seriesPerProcess: Math.ceil(stores * openShare) * per.seriesPerStore,
  };
}

function sharesOf(stores: number, skew: number): number[] {
  const weights = Array.from({ length: stores }, (_, index) => (index + 1) ** -skew);
  const sum = weights.reduce((one, other) => one + other, 0);
  return weights.map((weight) => weight / sum);
}
