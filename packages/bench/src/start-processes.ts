/** The processes of a measurement: writers, API nodes, clients, and a proxy that simulates distance. */
import type { BenchProcess, BenchProcessOptions } from './bench-process.ts';
import { CounterReader } from './database-counters.ts';
import type { MeasureOptions } from './measurement.ts';
import { isCoordinated, isHttp } from './names.ts';
import type { Task } from './process/task.ts';

export type Told = Pick<BenchProcessOptions, 'onBatch' | 'onFailure'>;
export type Start = (task: Task, told?: Told) => Promise<BenchProcess>;

/** Starts what the contender needs, and returns the processes of the clients. */
export async function startProcesses(
  options: MeasureOptions,
  directUrl: string,
  start: Start,
): Promise<BenchProcess[]> {
  const { contender, workload, clients, lanes, batchWritesMax, nodes, poolMax, rttMs, rate } = options;
  const serverUrl = rttMs > 0 ? await throughProxy(directUrl, rttMs, start) : directUrl;
  if (isCoordinated(contender)) {
    await startWriters(options, serverUrl, start);
    await lanesLed(directUrl, lanes);
  }
  const { nodeRole } = options.world;
  const url = isCoordinated(contender) && nodeRole !== null ? asRole(serverUrl, nodeRole) : serverUrl;
  const isOverHttp = isHttp(workload.name);
  const nodeUrls: string[] = [];
  const shares = isOverHttp ? 1 : Math.min(nodes, contender === 'ceiling' ? 1 : clients);
  for (let index = 0; index < (isOverHttp ? nodes : 0); index++) {
    const node = await start({
      role: 'node',
      url,
      workload: workload.name,
      contender,
      modelFiles: null,
      lanes,
      poolMax: share(poolMax, index, nodes),
    });
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
        perSecond: rate / shares,
        nodeUrls,
      }),
    );
  }
  return loads;
}

/** @param told Receives each batch. */
export async function startWriters(
  { contender, workload, lanes, batchWritesMax, ...options }: MeasureOptions,
  url: string,
  start: Start,
  told?: Told,
): Promise<BenchProcess[]> {
  const modelFiles = workload.district?.modelFiles ?? null;
  const sessions = Number(/-(\d+)$/.exec(contender)?.[1] ?? options.sessions);
  const tellsBatches = told !== undefined;
  const writers: BenchProcess[] = [];
  for (let index = 0; index < options.writers; index++) {
    writers.push(
      await start(
        {
          role: 'writer',
          url,
          workload: workload.name,
          modelFiles,
          lanes,
          sessions,
          batchWritesMax,
          tellsBatches,
        },
        told,
      ),
    );
  }
  return writers;
}

/** Sessions with only the rights of this role. */
function asRole(url: string, role: string): string {
  const own = new URL(url);
  own.searchParams.set('options', `-c role=${role}`);
  return own.href;
}

/** The part of one among several, in whole numbers with the right sum. */
export function share(whole: number, index: number, of: number): number {
  return Math.max(1, Math.floor(((index + 1) * whole) / of) - Math.floor((index * whole) / of));
}

export async function throughProxy(directUrl: string, rttMs: number, start: Start): Promise<string> {
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

/** Waits until the writers lead every lane, because their start is not measured. */
async function lanesLed(url: string, lanes: number): Promise<void> {
  const reader = await CounterReader.open(url);
  try {
    for (const until = performance.now() + 30_000; ;) {
      if ((await reader.countLedLanes()) === lanes) return;
      if (performance.now() > until) throw new Error('Cannot measure: the writers do not lead all lanes');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await reader.close();
  }
}
