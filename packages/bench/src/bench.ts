/** A run: all contenders in each round, in turn, the order turned round by round, and what their figures say together. */
import { cpus, totalmem } from 'node:os';
import { chooseCode, type Code, type CodeChoice } from './code.ts';
import { measure, type CpuByPlace, type MeasureOptions, type Measurement } from './measure.ts';
import { requirePeers } from './contenders/peer.ts';
import { absenceOf, isPeer, type ContenderName, type WorkloadName } from './names.ts';
import { openServer, type Server, type ServerFacts } from './server.ts';
import { summarize, type Spread, type Summary } from './statistics.ts';
import type { WorkloadOptions } from './workload/workload.ts';
import { World } from './world.ts';

export interface BenchOptions {
  workload: WorkloadName;
  contenders: readonly ContenderName[];
  clients: readonly number[];
  rounds: number;
  seconds: number;
  warmupSeconds: number;
  prefill: number;
  seed: number;
  lanes: number;
  nodes: number;
  writers: number;
  sessions: number;
  batchWritesMax: number;
  flushDelayMs: number;
  rttMs: number;
  databaseUrl: string | null;
  dataDir: string | null;
  code: CodeChoice;
  /** Takes CPU profiles of all processes into this folder. */
  profileFolder: string | null;
  district: WorkloadOptions['district'];
  signal: AbortSignal;
  /** Told what is being done. */
  onProgress: (sentence: string) => void;
  /** Told each measurement as soon as it is made. */
  onMeasurement: (measurement: Measurement, round: number) => void;
}

export interface BenchReport {
  benchmark: 'sluice';
  at: string;
  workload: WorkloadName;
  options: Record<string, unknown>;
  machine: { cores: number; cpu: string; memoryBytes: number; platform: string; node: string };
  server: ServerFacts;
  code: Code['kind'];
  absent: Partial<Record<ContenderName, string>>;
  /** One for each number of clients. */
  results: ClientsResult[];
  /** Of the largest number of clients: the medians of the rounds' ratios of documents per second. */
  ratios: Record<string, number>;
  ratiosSpread: Record<string, Spread>;
  measurements: (Measurement & { round: number })[];
}

const reportedOptions = [
  'clients',
  'contenders',
  'rounds',
  'seconds',
  'warmupSeconds',
  'prefill',
  'seed',
  'lanes',
  'nodes',
  'writers',
  'sessions',
  'batchWritesMax',
  'flushDelayMs',
  'rttMs',
] as const;

export interface ClientsResult {
  clients: number;
  contenders: Partial<Record<ContenderName, ContenderSummary>>;
  ratios: Record<string, number>;
  ratiosSpread: Record<string, Spread>;
  p50Ratios: Record<string, number>;
  p99Ratios: Record<string, number>;
}

export interface ContenderSummary {
  documentsPerSecond: Summary;
  p50Ms: Summary | null;
  p99Ms: Summary | null;
  walBytesPerDocument: Summary;
  cpuUsPerDocument: Record<keyof CpuByPlace, Summary | null>;
}

export async function bench(options: BenchOptions): Promise<BenchReport> {
  if (options.contenders.some(isPeer)) requirePeers();
  const code = chooseCode(options.code);
  const absent: BenchReport['absent'] = {};
  for (const contender of options.contenders) {
    const why = absenceOf(contender, options.workload);
    if (why !== null) absent[contender] = why;
  }
  const contenders = options.contenders.filter((contender) => absent[contender] === undefined);
  options.onProgress('starting PostgreSQL');
  const server = await openServer({
    databaseUrl: options.databaseUrl,
    dataDir: options.dataDir,
    flushDelayMs: options.flushDelayMs,
    withStatements: options.profileFolder !== null && options.databaseUrl === null,
  });
  try {
    const measurements = await measureAll(options, contenders, server, code);
    return makeReport(options, contenders, absent, server.facts, code, measurements);
  } finally {
    await server.stop();
  }
}

async function measureAll(
  options: BenchOptions,
  contenders: readonly ContenderName[],
  server: Server,
  code: Code,
): Promise<BenchReport['measurements']> {
  const { lanes, prefill, signal, onProgress } = options;
  const world = await World.create({
    serverUrl: server.url,
    documents: prefill,
    lanes,
    onProgress: (stored) => onProgress(`storing documents: ${stored} of ${prefill}`),
  });
  const measurements: BenchReport['measurements'] = [];
  try {
    for (let round = 1; round <= options.rounds; round++) {
      for (const clients of options.clients) {
        // Each round begins with another, so that nobody always comes after the same one.
        for (const contender of turned(contenders, round - 1)) {
          signal.throwIfAborted();
          onProgress(`round ${round} of ${options.rounds}: ${contender}, ${clients} clients`);
          const { workload: name, seed, district } = options;
          const measurement = await measureOne(contender, {
            ...options,
            contender,
            clients,
            workload: { name, prefill, seed: seed + round, district },
            warmupMs: options.warmupSeconds * 1000,
            durationMs: options.seconds * 1000,
            world,
            serverPid: server.pid,
            code,
          });
          measurements.push({ ...measurement, round });
          options.onMeasurement(measurement, round);
        }
      }
    }
    return measurements;
  } finally {
    await world.remove();
  }
}

async function measureOne(contender: ContenderName, options: MeasureOptions): Promise<Measurement> {
  try {
    return await measure(options);
  } catch (error) {
    options.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot measure ${contender} with ${options.clients} clients: ${reason}`, {
      cause: error,
    });
  }
}

function turned<T>(list: readonly T[], by: number): T[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

function makeReport(
  options: BenchOptions,
  contenders: readonly ContenderName[],
  absent: BenchReport['absent'],
  facts: ServerFacts,
  code: Code,
  measurements: BenchReport['measurements'],
): BenchReport {
  const results = options.clients.map((clients) =>
    summarizeClients(
      clients,
      contenders,
      measurements.filter((each) => each.clients === clients),
    ),
  );
  const largest = results.reduce<ClientsResult | null>(
    (best, each) => (best === null || each.clients > best.clients ? each : best),
    null,
  );
  return {
    benchmark: 'sluice',
    at: new Date().toISOString(),
    workload: options.workload,
    options: Object.fromEntries(reportedOptions.map((name) => [name, options[name]])),
    machine: {
      cores: cpus().length,
      cpu: cpus()[0]?.model ?? '',
      memoryBytes: totalmem(),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    server: facts,
    code: code.kind,
    absent,
    results,
    ratios: largest?.ratios ?? {},
    ratiosSpread: largest?.ratiosSpread ?? {},
    measurements,
  };
}

export function summarizeClients(
  clients: number,
  contenders: readonly ContenderName[],
  measurements: readonly (Measurement & { round: number })[],
): ClientsResult {
  const result: ClientsResult = {
    clients,
    contenders: {},
    ratios: {},
    ratiosSpread: {},
    p50Ratios: {},
    p99Ratios: {},
  };
  const of = (contender: ContenderName) => measurements.filter((each) => each.contender === contender);
  for (const contender of contenders) {
    result.contenders[contender] = summarizeContender(of(contender));
    for (const other of contenders) {
      if (other === contender) continue;
      // A round's figures were made close together: their ratio is nearer to the truth than that of two medians.
      const pairs = of(contender).flatMap((one) => {
        const counterpart = of(other).find(({ round }) => round === one.round);
        return counterpart === undefined ? [] : [{ one, other: counterpart }];
      });
      if (pairs.length === 0) continue;
      const name = `${contender}/${other}`;
      const rates = pairs.map(({ one, other }) => one.documentsPerSecond / other.documentsPerSecond);
      const { median, min, max } = summarize(rates);
      result.ratios[name] = median;
      result.ratiosSpread[name] = { min, max };
      const p50 = pairs.map(({ one, other }) => (one.p50Ms ?? Number.NaN) / (other.p50Ms ?? Number.NaN));
      const p99 = pairs.map(({ one, other }) => (one.p99Ms ?? Number.NaN) / (other.p99Ms ?? Number.NaN));
      if (p50.every(Number.isFinite)) result.p50Ratios[name] = summarize(p50).median;
      if (p99.every(Number.isFinite)) result.p99Ratios[name] = summarize(p99).median;
    }
  }
  return result;
}

function summarizeContender(measurements: readonly Measurement[]): ContenderSummary {
  const of = (value: (measurement: Measurement) => number | null): Summary | null => {
    const values = measurements.map(value).filter((each) => each !== null);
    return values.length === 0 ? null : summarize(values);
  };
  const known = (value: (measurement: Measurement) => number): Summary => summarize(measurements.map(value));
  return {
    documentsPerSecond: known((each) => each.documentsPerSecond),
    p50Ms: of((each) => each.p50Ms),
    p99Ms: of((each) => each.p99Ms),
    walBytesPerDocument: known((each) => each.walBytesPerDocument),
    cpuUsPerDocument: {
      clients: of((each) => each.cpuUsPerDocument.clients),
      others: of((each) => each.cpuUsPerDocument.others),
      postgres: of((each) => each.cpuUsPerDocument.postgres),
    },
  };
}
