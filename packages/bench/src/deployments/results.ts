/** Measurements of deployments, and their summary over the rounds. */
import type { DeployedContender } from '../names.ts';
import { summarize, type Summary } from '../statistics.ts';
import type { LoadFigures } from './measure-load.ts';

/** A deployment: its contender, its size and its build. */
export interface Place {
  contender: DeployedContender;
  build: string;
  lanes: number;
  nodes: number;
  /** 0 if the contender has none. */
  writers: number;
}

/** The load on a deployment. */
export interface Load {
  /** Writes a second, in an open loop. */
  rate: number | null;
  /** The same as a share of the measured capacity, if given so. */
  percent: number | null;
  /** Concurrent requests, in a closed loop. */
  clients: number | null;
}

export type DeploymentMeasurement = Place & Load & LoadFigures & { round: number };

/**
 * @property baseline - Name of the deployment that the ratios compare with, or null. Each ratio is this deployment's figure
 *   divided by the baseline's, but for `timesLessPostgresCpu`, where it is the other way round.
 */
export interface DeploymentResult extends Place, Load {
  failed: number;
  missedHints: number;
  /** Microseconds of CPU time. */
  postgresCpuUsPerDocument: Summary;
  nodesCpuUsPerDocument: Summary;
  writersCpuUsPerDocument: Summary;
  documentsPerSecond: Summary;
  p50Ms: Summary;
  p90Ms: Summary;
  p99Ms: Summary;
  writesPerBatch: Summary;
  baseline: string | null;
  documentsRatio: Summary | null;
  timesLessPostgresCpu: Summary | null;
  p50Ratio: Summary | null;
  p99Ratio: Summary | null;
}

type Figure = (each: DeploymentMeasurement) => number | null;

const postgresCpu: Figure = (each) => each.cpuUsPerDocument.postgres;

/**
 * Medians of the rounds. Ratios are taken within each round, because the machine differs between rounds. The baseline is
 * `direct` where it was measured, else the same contender with the fewest writers.
 */
export function resultsOf(measurements: readonly DeploymentMeasurement[]): DeploymentResult[] {
  const groups = new Map<string, DeploymentMeasurement[]>();
  for (const each of measurements) {
    const key = keyOf(each);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  const fewest = Math.min(...measurements.map(({ writers }) => writers || Infinity));
  return [...groups.values()].flatMap((rounds) => {
    const [first] = rounds;
    if (first === undefined) return [];
    const { contender, build, lanes, nodes, writers, rate, percent, clients } = first;
    const direct = { ...first, contender: 'direct' as const, writers: 0 };
    const hasDirect = groups.has(keyOf(direct));
    const base = groups.get(keyOf(hasDirect ? direct : { ...first, writers: fewest })) ?? rounds;
    const of = (figure: Figure): Summary => summarize(rounds.flatMap((each) => figure(each) ?? []));
    const ratio = (figure: Figure, isInverse = false): Summary | null => {
      const ratios = rounds.flatMap((each) => {
        const other = base.find(({ round }) => round === each.round);
        const [own, its] = [figure(each), other === undefined ? null : figure(other)];
        return own === null || its === null ? [] : [isInverse ? its / own : own / its];
      });
      return base === rounds || ratios.length === 0 ? null : summarize(ratios, 3);
    };
    const sum = (figure: (each: DeploymentMeasurement) => number): number =>
      rounds.reduce((total, each) => total + figure(each), 0);
    return [
      {
        contender,
        build,
        lanes,
        nodes,
        writers,
        rate,
        percent,
        clients,
        failed: sum((each) => each.failed),
        missedHints: sum((each) => each.missedHints),
        postgresCpuUsPerDocument: of(postgresCpu),
        nodesCpuUsPerDocument: of((each) => each.cpuUsPerDocument.nodes),
        writersCpuUsPerDocument: of((each) => each.cpuUsPerDocument.writers),
        documentsPerSecond: of((each) => each.documentsPerSecond),
        p50Ms: of((each) => each.p50Ms),
        p90Ms: of((each) => each.p90Ms),
        p99Ms: of((each) => each.p99Ms),
        writesPerBatch: of((each) => each.writesPerBatch),
        baseline: base === rounds ? null : hasDirect ? 'direct' : `${contender} with ${fewest} writers`,
        documentsRatio: ratio((each) => each.documentsPerSecond),
        timesLessPostgresCpu: ratio(postgresCpu, true),
        p50Ratio: ratio((each) => each.p50Ms),
        p99Ratio: ratio((each) => each.p99Ms),
      },
    ];
  });
}

function keyOf({ lanes, nodes, rate, clients, contender, build, writers }: Place & Load): string {
  return [lanes, nodes, rate, clients, contender, build, writers].join();
}
