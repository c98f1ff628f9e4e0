/** What was measured in an open loop, and what the rounds say together. */
import { summarize, type Summary } from '../statistics.ts';

/** The size of a deployment, and of which build it is. */
export interface Place {
  build: string;
  lanes: number;
  nodes: number;
  writers: number;
}

export interface OpenLoopMeasurement extends Place {
  round: number;
  rate: number;
  requests: number;
  /** Requests that were not answered with 200 or 201. */
  failed: number;
  /** Milliseconds from the intended start to the answer. */
  p50Ms: number | null;
  p90Ms: number | null;
  p99Ms: number | null;
  maxMs: number | null;
  /** How late the requests were sent: an error of the measurement. */
  lateP99Ms: number | null;
  missedHints: number;
  /** Milliseconds of CPU in a second, warm-up included; null: not known. */
  cpuMsPerSecond: { writers: number | null; nodes: number | null; postgres: number | null };
}

/** @property p50Ratio - And the others: divided by the figure of the fewest writers in the same round. */
export interface OpenLoopResult extends Place {
  rate: number;
  failed: number;
  p50Ms: Summary;
  p90Ms: Summary;
  p99Ms: Summary;
  missedHints: number;
  p50Ratio: Summary | null;
  p99Ratio: Summary | null;
}

/** Medians of the rounds; ratios are taken within the rounds, as what the machine does differs between them. */
export function resultsOf(measurements: readonly OpenLoopMeasurement[]): OpenLoopResult[] {
  const groups = new Map<string, OpenLoopMeasurement[]>();
  for (const each of measurements) {
    const key = [each.lanes, each.nodes, each.rate, each.build, each.writers].join();
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  const fewest = Math.min(...measurements.map(({ writers }) => writers));
  return [...groups.values()].flatMap((rounds) => {
    const [first] = rounds;
    if (first === undefined) return [];
    const { build, lanes, nodes, writers, rate } = first;
    const base = groups.get([lanes, nodes, rate, build, fewest].join()) ?? [];
    const ms = (of: (each: OpenLoopMeasurement) => number | null): Summary =>
      summarize(rounds.map((each) => of(each) ?? Number.NaN));
    const ratio = (of: (each: OpenLoopMeasurement) => number | null): Summary | null => {
      const ratios = rounds.flatMap((each) => {
        const other = base.find(({ round }) => round === each.round);
        return other === undefined ? [] : [(of(each) ?? Number.NaN) / (of(other) ?? Number.NaN)];
      });
      return writers === fewest || ratios.length === 0 ? null : summarize(ratios, 3);
    };
    return [
      {
        build,
        lanes,
        nodes,
        writers,
        rate,
        failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
        p50Ms: ms((each) => each.p50Ms),
        p90Ms: ms((each) => each.p90Ms),
        p99Ms: ms((each) => each.p99Ms),
        missedHints: rounds.reduce((sum, { missedHints }) => sum + missedHints, 0),
        p50Ratio: ratio((each) => each.p50Ms),
        p99Ratio: ratio((each) => each.p99Ms),
      },
    ];
  });
}
