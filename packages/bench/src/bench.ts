/** A run: all contenders in each round, in an order that alternates by round, for each value on the axis. */
import { axisOf, type Axis, type AxisName } from './axis.ts';
import type { BenchOptions, DatabaseChoice, RunMeasurement } from './bench-options.ts';
import { chooseCode, type Code } from './code.ts';
import { requirePeers } from './contenders/peer.ts';
import { machineFacts, type MachineFacts } from './machine-facts.ts';
import { absenceOf, isPeer, type ContenderName, type WorkloadName } from './names.ts';
import { ratesOf } from './rates.ts';
import { measureAll } from './rounds.ts';
import { openServer, type ServerFacts } from './server.ts';
import type { Spread } from './statistics.ts';
import { growthOf, summarizePoint, type Growth, type PointResult } from './summary.ts';

/** From this number of stored documents, `auto` shares, because they take more than a gigabyte. */
const sharedFromDocuments = 1_000_000;

export interface BenchReport {
  benchmark: 'sluice';
  at: string;
  workload: WorkloadName;
  options: Record<string, unknown>;
  machine: MachineFacts;
  server: ServerFacts;
  code: Code['kind'];
  /** Whether the measurements of one prefill shared a database. */
  databases: Exclude<DatabaseChoice, 'auto'>;
  absent: Partial<Record<ContenderName, string>>;
  /** `table-open-loop`: rows a second that one-statement stores for clients that wait; null: not measured. */
  capacity: number | null;
  axis: AxisName;
  /** One result for each value on the axis. */
  results: PointResult[];
  /** At the largest value on the axis: the medians of the rounds' ratios of documents per second. */
  ratios: Record<string, number>;
  ratiosSpread: Record<string, Spread>;
  /** Backlog: the rate of the last quarter divided by that of the first, at the largest value. */
  lastToFirstQuarter: Partial<Record<ContenderName, number>>;
  /** The largest value on the axis compared with the smallest; null for a single value. */
  growth: Growth | null;
  measurements: RunMeasurement[];
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
  'poolMax',
  'backlog',
  'rate',
  'duplicates',
  'flushDelayMs',
  'postgres',
  'rttMs',
] as const;

export async function bench(options: BenchOptions): Promise<BenchReport> {
  const { workload } = options;
  // The rates are known later; only their number now.
  const isOpenLoop = workload === 'table-open-loop';
  axisOf({ ...options, rate: isOpenLoop ? options.rate.map((_, index) => index) : [0] }, workload);
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
    settings: options.postgres,
    withStatements: options.profileFolder !== null && options.databaseUrl === null,
  });
  try {
    const databases = databasesOf(options);
    const rates = isOpenLoop ? await ratesOf(options, server, code) : { capacity: null, rate: [0] };
    const axis = axisOf({ ...options, rate: rates.rate }, workload);
    const measurements = await measureAll({ options, axis, contenders, server, code, databases });
    const results = summarizeAll(axis, contenders, measurements);
    return {
      benchmark: 'sluice',
      at: new Date().toISOString(),
      workload: options.workload,
      options: Object.fromEntries(reportedOptions.map((name) => [name, options[name]])),
      machine: machineFacts(),
      server: server.facts,
      code: code.kind,
      databases,
      absent,
      capacity: rates.capacity,
      axis: axis.name,
      ...results,
      measurements,
    };
  } finally {
    await server.stop();
  }
}

/** The same for all values on the axis, so that they are comparable. */
function databasesOf({ databases, prefill, workload }: BenchOptions): BenchReport['databases'] {
  // Documents of a district are the same each time, so a second write would not change them.
  if (workload === 'district') return 'fresh';
  // The counter has one row only.
  if (workload === 'counter') return 'fresh';
  if (databases !== 'auto') return databases;
  return Math.max(...prefill) >= sharedFromDocuments ? 'shared' : 'fresh';
}

export function summarizeAll(
  axis: Axis,
  contenders: readonly ContenderName[],
  measurements: readonly RunMeasurement[],
): Pick<BenchReport, 'results' | 'ratios' | 'ratiosSpread' | 'lastToFirstQuarter' | 'growth'> {
  const results = axis.points.map(({ value, conditions: { clients } }) =>
    summarizePoint(
      { axis: axis.name, value, clients: axis.name === 'backlog' || axis.name === 'rate' ? 0 : clients },
      contenders,
      measurements.filter((each) => each.value === value),
    ),
  );
  const largest = results.toSorted((one, other) => other.value - one.value)[0];
  const quarters = Object.entries(largest?.contenders ?? {}).flatMap(([name, { backlog }]) =>
    backlog === undefined ? [] : [[name, backlog.lastToFirstQuarter.median] as const],
  );
  return {
    results,
    ratios: largest?.ratios ?? {},
    ratiosSpread: largest?.ratiosSpread ?? {},
    lastToFirstQuarter: Object.fromEntries(quarters),
    growth: growthOf(results),
  };
}
