/** A run: all contenders in each round, in turn, the order turned round by round, for each value on the axis of the run. */
import { axisOf, axisUnits, type Axis, type AxisName, type ConditionLists } from './axis.ts';
import { chooseCode, type Code, type CodeChoice } from './code.ts';
import { machineFacts, type MachineFacts } from './machine-facts.ts';
import { measure } from './measure.ts';
import type { MeasureOptions, Measurement } from './measurement.ts';
import { capacityClients, writesPerSecond } from './deployments/measure-rates.ts';
import type { Rate } from './deployments/run.ts';
import { requirePeers } from './contenders/peer.ts';
import { absenceOf, isOfRows, isPeer, type ContenderName, type WorkloadName } from './names.ts';
import { openServer, type Server, type ServerFacts } from './server.ts';
import type { Spread } from './statistics.ts';
import { growthOf, summarizePoint, type Growth, type PointResult } from './summary.ts';
import type { WorkloadOptions } from './workload/workload.ts';
import { prefillRows } from './prefill-rows.ts';
import { World } from './world.ts';

/** One of the conditions may have several values: it is the axis of the run. */
export interface BenchOptions extends Omit<ConditionLists, 'rate'> {
  workload: WorkloadName;
  /** `table-open-loop`: writes that arrive in a second, or shares of what one-statement can take. */
  rate: readonly Rate[];
  contenders: readonly ContenderName[];
  rounds: number;
  seconds: number;
  warmupSeconds: number;
  seed: number;
  sessions: number;
  databases: DatabaseChoice;
  flushDelayMs: number;
  /** Settings of the embedded server, by name. */
  postgres: Readonly<Record<string, string>>;
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
  onMeasurement: (measurement: RunMeasurement) => void;
}

/**
 * `fresh`: each measurement has a copy of the prefilled database; `shared`: they are made on it one after another. `auto`
 * shares where a copy would take longer than the measurement.
 */
export const databaseChoices = ['auto', 'fresh', 'shared'] as const;
export type DatabaseChoice = (typeof databaseChoices)[number];

/** From so many stored documents on `auto` shares: they are more than a gigabyte. */
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
  /** `table-open-loop`: rows per second that one-statement stores for clients that wait; null: not measured. */
  capacity: number | null;
  axis: AxisName;
  /** One for each value on the axis. */
  results: PointResult[];
  /** Of the largest value on the axis: the medians of the rounds' ratios of documents per second. */
  ratios: Record<string, number>;
  ratiosSpread: Record<string, Spread>;
  /** Backlog: the rate of the last quarter divided by that of the first, at the largest value. */
  lastToFirstQuarter: Partial<Record<ContenderName, number>>;
  /** The largest value on the axis beside the smallest; null where there is one value. */
  growth: Growth | null;
  measurements: RunMeasurement[];
}

/** @property value - On the axis of the run. */
export type RunMeasurement = Measurement & { round: number; axis: AxisName; value: number };

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
  // Which rates these are is known later; how many, now.
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

/** The same for all values on the axis, so that they can be compared. */
function databasesOf({ databases, prefill, workload }: BenchOptions): BenchReport['databases'] {
  // Documents of a district are the same each time: written again they would be unchanged.
  if (workload === 'district') return 'fresh';
  // So is the one row of the counter.
  if (workload === 'counter') return 'fresh';
  if (databases !== 'auto') return databases;
  return Math.max(...prefill) >= sharedFromDocuments ? 'shared' : 'fresh';
}

/** Writes that arrive in a second. Shares are those of what one-statement stores for clients that wait for their answers. */
async function ratesOf(
  options: BenchOptions,
  server: Server,
  code: Code,
): Promise<{ capacity: number | null; rate: number[] }> {
  const { rate, prefill, lanes, seconds, signal, onProgress } = options;
  const perSecond = (capacity: number): number[] => rate.map((each) => writesPerSecond(each, capacity));
  if (rate.every((each) => 'perSecond' in each)) return { capacity: null, rate: perSecond(0) };
  onProgress('measuring what one-statement can take');
  const fixed = {
    workload: 'table',
    clients: [capacityClients],
    prefill: prefill.slice(0, 1),
    lanes: lanes.slice(0, 1),
  } as const;
  const axis = axisOf(
    { ...options, ...fixed, duplicates: options.duplicates.slice(0, 1), rate: [0] },
    'table',
  );
  const [made] = await measureAll({
    options: { ...options, ...fixed, rounds: 1, seconds, signal, onMeasurement: () => undefined },
    axis: { ...axis, points: axis.points.slice(0, 1) },
    contenders: ['one-statement'],
    server,
    code,
    databases: 'fresh',
  });
  const capacity = made?.documentsPerSecond ?? 0;
  return { capacity, rate: perSecond(capacity) };
}

interface Run {
  options: BenchOptions;
  axis: Axis;
  contenders: readonly ContenderName[];
  server: Server;
  code: Code;
  databases: BenchReport['databases'];
}

async function measureAll(run: Run): Promise<RunMeasurement[]> {
  const { axis, options, server, databases } = run;
  // Values that need a database of their own are measured one after another, so that only one is there at a time.
  const isOfWorld = axis.name === 'prefill' || axis.name === 'lanes';
  const groups = isOfWorld ? axis.points.map((point) => [point]) : [axis.points];
  const measurements: RunMeasurement[] = [];
  for (const points of groups) {
    const [first] = points;
    if (first === undefined) continue;
    const { prefill, lanes } = first.conditions;
    options.signal.throwIfAborted();
    const world = await World.create({
      serverUrl: server.url,
      isShared: databases === 'shared',
      documents: prefill,
      lanes,
      ...(isOfRows(options.workload) ? { prefill: prefillRows, hasRoles: true } : {}),
      signal: options.signal,
      onProgress: (stored) => options.onProgress(`storing documents: ${stored} of ${prefill}`),
    });
    try {
      await measureRounds(run, points, world, measurements);
    } finally {
      await world.remove();
    }
  }
  return measurements;
}

async function measureRounds(
  { axis, options, contenders, server, code, databases }: Run,
  points: Axis['points'],
  world: World,
  measurements: RunMeasurement[],
): Promise<void> {
  const { rounds, signal, onProgress } = options;
  for (let round = 1; round <= rounds; round++) {
    for (const { value, conditions } of points) {
      // Each round begins with another, so that nobody always comes after the same one.
      for (const contender of turned(contenders, round - 1)) {
        signal.throwIfAborted();
        const where = `${value} ${axisUnits[axis.name]}`;
        onProgress(`round ${round} of ${rounds}: ${contender}, ${where}`);
        const { workload: name, seed, district } = options;
        // On a shared database nobody may send what another has stored.
        const series = databases === 'shared' ? 1000 * measurements.length : 0;
        const measurement = await measureOne(where, {
          ...options,
          ...conditions,
          contender,
          workload: {
            name,
            prefill: conditions.prefill,
            duplicates: conditions.duplicates,
            seed: seed + round + series,
            district,
          },
          warmupMs: options.warmupSeconds * 1000,
          durationMs: options.seconds * 1000,
          world,
          serverPid: server.pid,
          code,
        });
        const made = { ...measurement, round, axis: axis.name, value };
        measurements.push(made);
        options.onMeasurement(made);
      }
    }
  }
}

async function measureOne(where: string, options: MeasureOptions): Promise<Measurement> {
  try {
    return await measure(options);
  } catch (error) {
    options.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot measure ${options.contender} with ${where}: ${reason}`, { cause: error });
  }
}

function turned<T>(list: readonly T[], by: number): T[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
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
