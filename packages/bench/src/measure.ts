/** One measurement: a database, the processes of the contender, the warm-up, the window, the counters. */
import { BenchProcess } from './bench-process.ts';
import { CounterReader } from './database-counters.ts';
import { drainBacklog } from './backlog.ts';
import { holdTransaction } from './held-transaction.ts';
import { isCoordinated, isHeld, isOfRows, isPeer, type ContenderName } from './names.ts';
import { readProfiles, readStatements, resetStatements } from './profile.ts';
import type { MeasureOptions, Measurement } from './measurement.ts';
import { startProcesses, type Start } from './start-processes.ts';
import { percentile } from './statistics.ts';
import { countRowsText } from './workload/rows.ts';
import { DeadTuplesWatch, believe, rateOf, readUsage, usageOf } from './usage.ts';

export async function measure(options: MeasureOptions): Promise<Measurement> {
  const startedAt = Date.now();
  const keys = isOfRows(options.workload.name) ? 'own' : keysOf(options.contender);
  const measurement = await options.world.use(keys, (url) => measureOn(url, options));
  const { profile } = measurement;
  // A process leaves its profile when it ends.
  if (profile !== undefined && options.profileFolder !== null)
    profile.processes = readProfiles(options.profileFolder, startedAt);
  return measurement;
}

/** Each contender has the keys that suit it best. */
function keysOf(contender: ContenderName): 'own' | 'declared' {
  const writesAlone = ['seed-direct', 'one-statement', 'batched'].includes(contender) || isPeer(contender);
  return writesAlone ? 'declared' : 'own';
}

async function measureOn(url: string, options: MeasureOptions): Promise<Measurement> {
  const processes: BenchProcess[] = [];
  const stopAll = async (): Promise<void> => {
    // Clients first, because the writers answer their writes under way.
    for (const each of processes.splice(0).toReversed()) await each.stop();
  };
  const kill = (): void => processes.forEach((each) => each.kill());
  options.signal.addEventListener('abort', kill);
  const release = isHeld(options.contender) ? await holdTransaction(url) : null;
  try {
    const start: Start = async (task, told = {}) => {
      options.signal.throwIfAborted();
      const { code, profileFolder } = options;
      const started = await BenchProcess.start({ task, code, profileFolder, ...told });
      processes.push(started);
      return started;
    };
    if (options.workload.name === 'backlog') return await drainBacklog(options, url, start);
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
    await release?.();
  }
}

async function observe(
  options: MeasureOptions,
  url: string,
  loads: readonly BenchProcess[],
  others: readonly BenchProcess[],
): Promise<Measurement> {
  const { contender, clients, warmupMs, durationMs, workload, serverPid } = options;
  const counters = await CounterReader.open(url);
  const watch = isCoordinated(contender) ? await DeadTuplesWatch.start(url) : null;
  try {
    const isChecked = workload.name !== 'hot' && workload.name !== 'upsert-mix';
    const newest = await counters.newestDocument();
    const runs = loads.map((load) => load.go(warmupMs, durationMs));
    await Promise.all(runs.map(({ warm }) => warm));
    if (options.profileFolder !== null) await resetStatements(counters.client);
    const before = await readUsage(serverPid, counters, loads, others);
    const results = await Promise.all(runs.map(({ result }) => result));
    const after = await readUsage(serverPid, counters, loads, others);

    const statements = options.profileFolder === null ? null : await readStatements(counters.client);
    const documents = results.reduce((sum, { result }) => sum + result.documents, 0);
    const stored = results.reduce((sum, { result }) => sum + result.stored, 0);
    if (isOfRows(workload.name))
      believe(contender, stored, await counters.count(countRowsText(workload.name, workload.seed)));
    else if (isChecked) believe(contender, stored, await counters.countDocuments(newest));
    const elapsedMs = Math.max(...results.map(({ result }) => result.elapsedMs));
    const latencies = sortedLatencies(results.map(({ result }) => result.latencies));
    return {
      contender,
      clients,
      documents,
      ...rateOf(documents, elapsedMs),
      p50Ms: percentile(latencies, 50),
      p99Ms: percentile(latencies, 99),
      ...usageOf(before, after, documents, elapsedMs),
      deadTuplesPeak: (await watch?.peak()) ?? null,
      ...(statements === null ? {} : { profile: { statements, processes: [] } }),
    };
  } finally {
    await watch?.stop();
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
