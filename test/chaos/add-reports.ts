// Several runs as one: what they were asked, what they came to, and what their zeros are worth.

import type { FaultKind } from './fault-weights.ts';
import type { ChaosReport } from './chaos.ts';
import { quantiles, type Recovery, type RecoveryTimes } from './recovery.ts';
import { violations, type Counts } from './verdict.ts';

export interface Total extends Counts {
  runs: number;
  /** The same of rows. */
  rows: Counts;
  seeds: number[];
  seconds: number;
  ackedPerSecond: number;
  faults: Partial<Record<FaultKind, number>>;
  /** Processes that were ended, ours and PostgreSQL's. */
  kills: number;
  /** Ends of the whole server, in any of its ways. */
  serverEnds: number;
  recovery: Recovery;
  recoveryTimes: RecoveryTimes;
  isSound: boolean;
  /**
   * With no violation in N faults of a kind, the chance of one is below this with 95 % confidence: 3/N. Null: there was
   * one. `kills` are those of writers.
   */
  bounds: Readonly<Record<'kills' | 'serverEnds' | 'freezes', number>> | null;
}

export function addReports(reports: readonly ChaosReport[]): Total {
  const [first] = reports;
  if (first === undefined) throw new Error('Cannot add up no report');
  const sum = (value: (report: ChaosReport) => number): number =>
    reports.reduce((total, report) => total + value(report), 0);
  const names: (keyof Counts)[] = ['attempts', 'ok', 'fail', 'info', 'reads', ...violations, 'recovered'];
  const added = (of: (report: ChaosReport) => Counts): Counts =>
    Object.fromEntries(names.map((name) => [name, sum((report) => of(report)[name])])) as unknown as Counts;
  const faults: Total['faults'] = {};
  const recoveryTimes: RecoveryTimes = {};
  for (const report of reports) {
    for (const [kind, count] of Object.entries(report.faults) as [FaultKind, number][])
      faults[kind] = (faults[kind] ?? 0) + count;
    for (const [kind, times] of Object.entries(report.recoveryTimes) as [FaultKind, number[]][])
      recoveryTimes[kind] = [...(recoveryTimes[kind] ?? []), ...times];
  }
  const {
    killWriter = 0,
    freezeWriter = 0,
    killPostgres = 0,
    killBackend = 0,
    restartPostgresImmediate = 0,
    restartPostgresFast = 0,
  } = faults;
  // The death of one backend by a signal makes the server end all others and recover.
  const serverEnds = killPostgres + killBackend + restartPostgresImmediate + restartPostgresFast;
  const seconds = sum((report) => report.seconds);
  const isSound = reports.every((report) => report.isSound && report.calmAfterMs !== null);
  return {
    runs: reports.length,
    seeds: reports.map(({ seed }) => seed),
    ...added((report) => report),
    rows: added(({ rows }) => rows),
    seconds,
    ackedPerSecond: Math.round(sum(({ ok }) => ok) / seconds),
    faults,
    kills: sum(({ kills }) => kills),
    serverEnds,
    recovery: Object.fromEntries(
      Object.entries(recoveryTimes).map(([kind, times]) => [kind, quantiles(times)]),
    ),
    recoveryTimes,
    isSound,
    bounds: isSound
      ? { kills: bound(killWriter), serverEnds: bound(serverEnds), freezes: bound(freezeWriter) }
      : null,
  };
}

const bound = (faults: number): number => Math.min(1, Number((3 / faults).toPrecision(3)));
