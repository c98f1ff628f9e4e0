/** The report of an open loop for people: one row for each deployment and rate. */
import type { OpenLoopReport } from '../open-loop/open-loop.ts';
import type { OpenLoopMeasurement, OpenLoopResult } from '../open-loop/results.ts';
import type { Summary } from '../statistics.ts';
import { aligned, withSpread } from './lines.ts';

export function openLoopLine(measurement: OpenLoopMeasurement): string {
  const { round, build, lanes, nodes, writers, rate, p50Ms, p90Ms, p99Ms, missedHints } = measurement;
  return (
    `round ${round}, ${build}, ${lanes} lanes, ${nodes} nodes, ${writers} writers, ${rate} writes/s: ` +
    `${p50Ms} / ${p90Ms} / ${p99Ms} ms, ${missedHints} missed hints`
  );
}

export function openLoopLines({ machine, server, results, measurements }: OpenLoopReport): string[] {
  const late = Math.max(...measurements.map(({ lateP99Ms }) => lateP99Ms ?? 0));
  return [
    `Workload open-loop: PostgreSQL ${server.version}, ${machine.cores} cores (${machine.cpu}), Node ${machine.node}`,
    `8 kB made durable in ${server.flush === null ? 'unknown time' : `${server.flush.p50Ms} ms`}, committed in ${server.commit.p50Ms} ms`,
    `Latency from the intended start, median of the rounds (min–max); ÷: by that of the fewest writers, in the same round`,
    `99 of 100 requests were sent at most ${late} ms late`,
    '',
    ...aligned([header, ...results.map(row)]),
  ];
}

const header = [
  'build',
  'lanes',
  'nodes',
  'writes/s',
  'writers',
  'p50 ms',
  'p90 ms',
  'p99 ms',
  'p50 ÷',
  'p99 ÷',
  'missed hints',
  'failed',
];

function row(result: OpenLoopResult): string[] {
  const { build, lanes, nodes, rate, writers, p50Ms, p90Ms, p99Ms, p50Ratio, p99Ratio } = result;
  const ratio = (summary: Summary | null): string => (summary === null ? '–' : summary.median.toFixed(2));
  return [
    build,
    ...[lanes, nodes, rate, writers].map(String),
    ...[p50Ms, p90Ms, p99Ms].map((summary) => withSpread(summary, 1)),
    ratio(p50Ratio),
    ratio(p99Ratio),
    String(result.missedHints),
    String(result.failed),
  ];
}
