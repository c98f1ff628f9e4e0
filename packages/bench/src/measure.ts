/** One measurement: a fresh database, the processes of the contender, the warm-up, the window, what was counted. */
import { BenchProcess } from './bench-process.ts';
import type { Code } from './code.ts';
import { processesCpuMs, serverCpuMs } from './cpu-time.ts';
import { CounterReader, difference } from './database-counters.ts';
import { isCoordinated, isPeer, type ContenderName } from './names.ts';
import type { Task } from './process/task.ts';
import {
  readProfiles,
  readStatements,
  resetStatements,
  type ProcessTime,
  type StatementTime,
} from './profile.ts';
import { percentile } from './statistics.ts';
import type { WorkloadOptions } from './workload/workload.ts';
import type { World } from './world.ts';

export interface MeasureOptions {
  contender: ContenderName;
  workload: Omit<WorkloadOptions, 'share'>;
  clients: number;
  warmupMs: number;
  durationMs: number;
  lanes: number;
  /** Processes that the clients (or, over HTTP, the API) are divided over. */
  nodes: number;
  writers: number;
  sessions: number;
  batchWritesMax: number;
  rttMs: number;
  world: World;
  serverPid: number | null;
  code: Code;
  profileFolder: string | null;
  signal: AbortSignal;
}

export interface Measurement {
  contender: ContenderName;
  clients: number;
  documents: number;
  seconds: number;
  documentsPerSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
  walBytesPerDocument: number;
  fullPagesPerDocument: number;
  /** Transactions, reads included. */
  commitsPerDocument: number;
  walFlushesPerSecond: number;
  /** Microseconds of CPU for each document, by where it was spent; null: not known. */
  cpuUsPerDocument: CpuByPlace;
  /** Where a profile was asked for; the processes' times include their start and warm-up. */
  profile?: { statements: StatementTime[]; processes: ProcessTime[] };
}

export interface CpuByPlace {
  /** Processes of the clients, in which a contender's own code runs too, unless it is spoken to over HTTP. */
  clients: number | null;
  /** Writers, API nodes and a proxy. */
  others: number | null;
  postgres: number | null;
}

/** Connections that all processes of a contender share. */
const poolMax = 32;

export async function measure(options: MeasureOptions): Promise<Measurement> {
  const startedAt = Date.now();
  const measurement = await options.world.use(keysOf(options.contender), (url) => measureOn(url, options));
  const { profile } = measurement;
  // A process leaves its profile when it ends.
  if (profile !== undefined && options.profileFolder !== null)
    profile.processes = readProfiles(options.profileFolder, startedAt);
  return measurement;
}

/** Each contender has the keys that suit it best. */
function keysOf(contender: ContenderName): 'own' | 'declared' {
  const writesAlone = contender === 'seed-direct' || contender === 'one-statement' || isPeer(contender);
  return writesAlone ? 'declared' : 'own';
}

async function measureOn(url: string, options: MeasureOptions): Promise<Measurement> {
  const processes: BenchProcess[] = [];
  const stopAll = async (): Promise<void> => {
    // Clients first: they have the writers answer what is under way.
    for (const each of processes.splice(0).toReversed()) await each.stop();
  };
  const kill = (): void => processes.forEach((each) => each.kill());
  options.signal.addEventListener('abort', kill);
  try {
    const start = async (task: Task): Promise<BenchProcess> => {
      options.signal.throwIfAborted();
      const { code, profileFolder } = options;
      const started = await BenchProcess.start({ task, code, profileFolder });
      processes.push(started);
      return started;
    };
    const loads = await startProcesses(options, url, start);
    const others = processes.filter((each) => !loads.includes(each));
    return await observe(options, url, loads, others);
  } catch (error) {
    kill();
    options.signal.throwIfAborted();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', kill);
    await stopAll();
  }
}

/** Starts what the contender needs, and returns the processes of the clients. */
async function startProcesses(
  options: MeasureOptions,
  directUrl: string,
  start: (task: Task) => Promise<BenchProcess>,
): Promise<BenchProcess[]> {
  const { contender, workload, clients, lanes, batchWritesMax, nodes, rttMs } = options;
  const url = rttMs > 0 ? await throughProxy(directUrl, rttMs, start) : directUrl;
  if (isCoordinated(contender)) {
    const modelFiles = workload.district?.modelFiles ?? null;
    const sessions = Number(/-(\d+)$/.exec(contender)?.[1] ?? options.sessions);
    for (let index = 0; index < options.writers; index++) {
      await start({ role: 'writer', url, modelFiles, lanes, sessions, batchWritesMax });
    }
    await lanesLed(directUrl, lanes);
  }
  const isHttp = workload.name === 'http';
  const nodeUrls: string[] = [];
  const shares = isHttp ? 1 : Math.min(nodes, contender === 'ceiling' ? 1 : clients);
  for (let index = 0; index < (isHttp ? nodes : 0); index++) {
    const node = await start({ role: 'node', url, contender, lanes, poolMax: share(poolMax, index, nodes) });
    nodeUrls.push(node.url);
  }
  const loads: BenchProcess[] = [];
  for (let index = 0; index < shares; index++) {
    loads.push(
      await start({
        role: 'load',
        url,
        contender,
        workload: { ...workload, share: { index, of: shares } },
        clients: share(clients, index, shares),
        lanes,
        batchWritesMax,
        poolMax: share(poolMax, index, shares),
        nodeUrls,
      }),
    );
  }
  return loads;
}

/** The part of one among several, in whole numbers that add up. */
function share(whole: number, index: number, of: number): number {
  return Math.max(1, Math.floor(((index + 1) * whole) / of) - Math.floor((index * whole) / of));
}

async function throughProxy(
  directUrl: string,
  rttMs: number,
  start: (task: Task) => Promise<BenchProcess>,
): Promise<string> {
  const target = new URL(directUrl);
  const proxy = await start({
    role: 'proxy',
    host: target.hostname,
    port: Number(target.port || 5432),
    rttMs,
  });
  target.host = new URL(proxy.url).host;
  return target.href;
}

/** Waits until the writers lead every lane: what is measured is how they work, not how they begin. */
async function lanesLed(url: string, lanes: number): Promise<void> {
  const reader = await CounterReader.open(url);
  try {
    for (const until = performance.now() + 30_000; ;) {
      if ((await reader.countLedLanes()) === lanes) return;
      if (performance.now() > until) throw new Error('Cannot measure as the writers do not lead all lanes');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await reader.close();
  }
}

async function observe(
  options: MeasureOptions,
  url: string,
  loads: readonly BenchProcess[],
  others: readonly BenchProcess[],
): Promise<Measurement> {
  const { contender, clients, warmupMs, durationMs, serverPid, workload } = options;
  const counters = await CounterReader.open(url);
  try {
    const pidsOf = (processes: readonly BenchProcess[]): number[] => processes.map(({ pid }) => pid);
    const readCpu = (): CpuByPlace => ({
      clients: processesCpuMs(pidsOf(loads)),
      others: processesCpuMs(pidsOf(others)),
      postgres: serverCpuMs(serverPid),
    });
    const storedBefore = await counters.countDocuments();
    const runs = loads.map((load) => load.go(warmupMs, durationMs));
    await Promise.all(runs.map(({ warm }) => warm));
    if (options.profileFolder !== null) await resetStatements(counters.client);
    const before = await counters.read();
    const cpuBefore = readCpu();
    const results = await Promise.all(runs.map(({ result }) => result));
    const after = await counters.read();
    const cpuAfter = readCpu();

    const statements = options.profileFolder === null ? null : await readStatements(counters.client);
    const documents = results.reduce((sum, { result }) => sum + result.documents, 0);
    const stored = results.reduce((sum, { result }) => sum + result.stored, 0);
    if (workload.name !== 'hot' && workload.name !== 'upsert-mix') {
      const found = (await counters.countDocuments()) - storedBefore;
      if (found !== stored) {
        throw new Error(
          `Cannot believe ${contender}: it has answered ${stored} documents and stored ${found}`,
        );
      }
    }
    const milliseconds = Math.max(...results.map(({ result }) => result.elapsedMs));
    const latencies = sortedLatencies(results.map(({ result }) => result.latencies));
    const counted = difference(after, before);
    const each = (total: number): number => Number((total / Math.max(1, documents)).toPrecision(4));
    const usEach = (from: number | null, to: number | null): number | null =>
      from === null || to === null ? null : each((to - from) * 1000);
    return {
      contender,
      clients,
      documents,
      seconds: Number((milliseconds / 1000).toFixed(3)),
      documentsPerSecond: Number(((documents / milliseconds) * 1000).toPrecision(5)),
      p50Ms: percentile(latencies, 50),
      p99Ms: percentile(latencies, 99),
      walBytesPerDocument: Math.round(each(counted.walBytes)),
      fullPagesPerDocument: each(counted.fullPages),
      commitsPerDocument: each(counted.commits),
      walFlushesPerSecond: Math.round((counted.flushes / milliseconds) * 1000),
      cpuUsPerDocument: {
        clients: usEach(cpuBefore.clients, cpuAfter.clients),
        others: usEach(cpuBefore.others, cpuAfter.others),
        postgres: usEach(cpuBefore.postgres, cpuAfter.postgres),
      },
      ...(statements === null ? {} : { profile: { statements, processes: [] } }),
    };
  } finally {
    await counters.close();
  }
}

function sortedLatencies(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.sort();
}
