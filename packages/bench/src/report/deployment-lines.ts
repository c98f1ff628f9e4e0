/** The report on deployments for people: one row for each deployment and load. PostgreSQL's CPU time comes first. */
import type { DeploymentsReport } from '../deployments/deployments.ts';
import type { DeploymentMeasurement, DeploymentResult, Load } from '../deployments/results.ts';
import type { Summary } from '../statistics.ts';
import { aligned, withSpread } from './lines.ts';

export function deploymentLine(measurement: DeploymentMeasurement): string {
  const { round, contender, build, lanes, nodes, writers, p50Ms, p90Ms, p99Ms } = measurement;
  const { cpuUsPerDocument, documentsPerSecond, missedHints } = measurement;
  return (
    `round ${round}, ${contender} of ${build}, ${lanes} lanes, ${nodes} nodes, ${writers} writers, ${loadText(measurement)}: ` +
    `PostgreSQL ${cpuUsPerDocument.postgres ?? '–'} µs/document, ${Math.round(documentsPerSecond)} documents/s, ` +
    `${p50Ms} / ${p90Ms} / ${p99Ms} ms, ${missedHints} missed hints`
  );
}

export function deploymentLines(report: DeploymentsReport): string[] {
  const { workload, options, machine, server, code, absent, capacities, results, measurements } = report;
  const late = Math.max(...measurements.map(({ lateP99Ms }) => lateP99Ms ?? 0));
  const baselines = [...new Set(results.flatMap(({ baseline }) => baseline ?? []))];
  return [
    `Workload ${workload}: PostgreSQL ${server.version}, ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${code} code`,
    `8 kB made durable in ${server.flush === null ? 'unknown time' : `${server.flush.p50Ms} ms`}, committed in ${server.commit.p50Ms} ms`,
    ...Object.entries(absent).map(([contender, why]) => `Without ${contender}: it ${why}`),
    'Medians of the rounds (min–max); CPU time in µs per document',
    ...(baselines.length === 0
      ? []
      : [
          `÷: divided by the figure of ${baselines.join(' or ')} in the same round; times less: how many times less CPU ` +
            'time PostgreSQL takes than for that',
        ]),
    ...(workload === 'open-loop'
      ? [
          ...capacities.map(
            ({ contender, nodes, lanes, documentsPerSecond }) =>
              `100 % is what ${contender} takes with ${nodes} nodes and ${lanes} lanes: ${Math.round(documentsPerSecond)} documents/s`,
          ),
          `Latency from the intended start; 99 of 100 requests were sent at most ${late} ms late`,
        ]
      : []),
    '',
    ...aligned(tableOf(results, columnsOf(options['rounds'] !== 1))),
  ];
}

const ratio = (summary: Summary | null): string => (summary === null ? '–' : summary.median.toFixed(2));

type Column = [title: string, cell: (result: DeploymentResult) => string];

/** @param isSpread The rounds differ, so the spread is shown. */
function columnsOf(isSpread: boolean): Column[] {
  const one = (summary: Summary, digits = 0): string =>
    Number.isNaN(summary.median) ? '–' : withSpread(summary, digits, isSpread);
  return [
    ['contender', ({ contender }) => contender],
    ['build', ({ build }) => build],
    ['lanes', ({ lanes }) => String(lanes)],
    ['nodes', ({ nodes }) => String(nodes)],
    ['writers', ({ writers }) => (writers === 0 ? '–' : String(writers))],
    ['load', (result) => loadText(result)],
    ['PostgreSQL µs', (result) => one(result.postgresCpuUsPerDocument)],
    ['times less', (result) => ratio(result.timesLessPostgresCpu)],
    ['nodes µs', (result) => one(result.nodesCpuUsPerDocument)],
    ['writers µs', ({ writers, writersCpuUsPerDocument: cpu }) => (writers === 0 ? '–' : one(cpu))],
    ['documents/s', (result) => one(result.documentsPerSecond)],
    ['÷', (result) => ratio(result.documentsRatio)],
    ['p50 ms', (result) => one(result.p50Ms, 1)],
    ['÷', (result) => ratio(result.p50Ratio)],
    ['p90 ms', (result) => one(result.p90Ms, 1)],
    ['p99 ms', (result) => one(result.p99Ms, 1)],
    ['÷', (result) => ratio(result.p99Ratio)],
    ['writes/batch', (result) => one(result.writesPerBatch, 1)],
    ['missed hints', ({ missedHints }) => String(missedHints)],
    ['failed', ({ failed }) => String(failed)],
  ];
}

function loadText({ rate, percent, clients }: Load): string {
  if (rate === null) return `${clients} under way`;
  return `${rate} writes/s${percent === null ? '' : ` (${percent} %)`}`;
}

/** Leaves out columns that are empty in all rows. */
function tableOf(results: readonly DeploymentResult[], columns: readonly Column[]): string[][] {
  const kept = columns.filter(([, cell]) => results.some((result) => cell(result) !== '–'));
  return [kept.map(([title]) => title), ...results.map((result) => kept.map(([, cell]) => cell(result)))];
}
