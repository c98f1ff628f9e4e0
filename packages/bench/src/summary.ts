/** The summary of the rounds: medians with their spread, and ratios computed within rounds. */
import type { AxisName } from './axis.ts';
import type { Measurement } from './measurement.ts';
import type { ContenderName } from './names.ts';
import { summarize, type Spread, type Summary } from './statistics.ts';
import type { CpuByPlace } from './usage.ts';

/** The figures of one value on the axis of the run. */
export interface PointResult {
  axis: AxisName;
  value: number;
  /** 0 if no client waits. */
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
  networkBytesPerDocument: Summary | null;
  cpuUsPerDocument: Record<keyof CpuByPlace, Summary | null>;
  /** Of the intake, from the server's statistics; null: the contender has none. */
  deadTuplesPeak: Summary | null;
  backlog?: BacklogSummary;
}

export interface BacklogSummary {
  /** Documents per second while each quarter of the backlog was settled. */
  quarters: Summary[];
  lastToFirstQuarter: Summary;
}

/** The largest value on the axis compared with the smallest. */
export interface Growth {
  axis: AxisName;
  from: number;
  to: number;
  /** For each contender: documents per second at the largest value, divided by those at the smallest. */
  documentsPerSecond: Partial<Record<ContenderName, number>>;
  /** For each ratio: the same division. The spread has the extremes of both. */
  ratios: Record<string, number>;
  ratiosSpread: Record<string, Spread>;
}

/** Null for a single value on the axis. */
export function growthOf(results: readonly PointResult[]): Growth | null {
  const sorted = results.toSorted((one, other) => one.value - other.value);
  const [smallest] = sorted;
  const largest = sorted.at(-1);
  if (smallest === undefined || largest === undefined || smallest === largest) return null;
  const growth: Growth = {
    axis: largest.axis,
    from: smallest.value,
    to: largest.value,
    documentsPerSecond: {},
    ratios: {},
    ratiosSpread: {},
  };
  const quotient = (one: number, other: number): number => Number((one / other).toPrecision(4));
  for (const [name, { documentsPerSecond }] of Object.entries(largest.contenders)) {
    const before = smallest.contenders[name as ContenderName]?.documentsPerSecond;
    if (before === undefined) continue;
    growth.documentsPerSecond[name as ContenderName] = quotient(documentsPerSecond.median, before.median);
  }
  for (const [name, ratio] of Object.entries(largest.ratios)) {
    const before = smallest.ratios[name];
    const spread = largest.ratiosSpread[name];
    const spreadBefore = smallest.ratiosSpread[name];
    if (before === undefined || spread === undefined || spreadBefore === undefined) continue;
    growth.ratios[name] = quotient(ratio, before);
    growth.ratiosSpread[name] = {
      min: quotient(spread.min, spreadBefore.max),
      max: quotient(spread.max, spreadBefore.min),
    };
  }
  return growth;
}

export function summarizePoint(
  { axis, value, clients }: Pick<PointResult, 'axis' | 'value' | 'clients'>,
  contenders: readonly ContenderName[],
  measurements: readonly (Measurement & { round: number })[],
): PointResult {
  const result: PointResult = {
    axis,
    value,
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
      // The figures of a round are measured close together, so their ratio is more exact than that of two medians.
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
  const drained = measurements.flatMap(({ backlog }) => backlog ?? []);
  const known = (value: (measurement: Measurement) => number): Summary => summarize(measurements.map(value));
  return {
    documentsPerSecond: known((each) => each.documentsPerSecond),
    p50Ms: of((each) => each.p50Ms),
    p99Ms: of((each) => each.p99Ms),
    walBytesPerDocument: known((each) => each.walBytesPerDocument),
    networkBytesPerDocument: of((each) => each.networkBytesPerDocument),
    cpuUsPerDocument: {
      clients: of((each) => each.cpuUsPerDocument.clients),
      others: of((each) => each.cpuUsPerDocument.others),
      postgres: of((each) => each.cpuUsPerDocument.postgres),
    },
    deadTuplesPeak: of((each) => each.deadTuplesPeak),
    ...(drained.length === 0
      ? {}
      : {
          backlog: {
            quarters: [0, 1, 2, 3].map((quarter) =>
              summarize(drained.map(({ quarters }) => quarters[quarter] ?? Number.NaN)),
            ),
            lastToFirstQuarter: summarize(drained.map((each) => each.lastToFirstQuarter)),
          },
        }),
  };
}
