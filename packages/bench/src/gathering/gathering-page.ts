/** `sluice bench --gathering`: the simulation of batches as a page of plots, each with the controller and without it. */
import { arrivals, patternNames, shapes, type Pattern } from '../deployments/arrivals.ts';
import { chart, type Series } from '../report/chart.ts';
import { htmlPage } from '../report/html-page.ts';
import { recordedArrivals } from './recorded.ts';
import { bothWays, type Simulated } from './simulate.ts';

const seconds = 4;
const seededPerSecond = 2000;
/** Plots show means of periods of this length. */
const periodMs = 50;

export function gatheringPage(): string {
  const sections = patternNames.flatMap((pattern) => [
    section(`${pattern}, recorded`, recordedArrivals(pattern)),
    section(`${pattern}, seeded`, seededArrivals(pattern)),
  ]);
  return htmlPage(
    'gathering',
    `<h1>Gathering</h1>
<p>A simulated writer settles ${seconds} s of writes, with gathering and without it (at once). Its batch takes 3 ms and 0.08 ms
for each write. Recorded arrivals come from runs of the open loop; seeded ones are Poisson processes of ${seededPerSecond} writes
per second. Latency counts from the arrival to the end of the batch.</p>
${sections.join('\n')}`,
  );
}

function seededArrivals(pattern: Pattern): number[] {
  const times: number[] = [];
  for (const at of arrivals(seededPerSecond, 1, shapes[pattern])) {
    if (at >= 1000 * seconds) return times;
    times.push(at);
  }
  return times;
}

function section(title: string, times: readonly number[]): string {
  const runs = bothWays({ arrivals: times });
  const named = [
    ['gathering', runs.gathering],
    ['at once', runs.atOnce],
  ] as const;
  const each = (figure: (run: Simulated) => Series['points']): Series[] =>
    named.map(([name, run]) => ({ name, points: figure(run) }));
  const arrived: Series = {
    name: 'arrivals',
    points: periods(
      times,
      (at) => at,
      () => 1,
    ).map(({ x, sum }) => ({ x, y: (sum * 1000) / periodMs })),
  };
  const plots: [string, string, Series[]][] = [
    ['Arrivals', 'writes/s', [arrived]],
    ['Batch sizes', 'writes', each(batchSizes)],
    ['Latency', 'ms', each(latencies)],
  ];
  const rows = named.map(([name, { batches, writesPerBatch, workMs, p50Ms, p99Ms }]) => {
    const figures = [writesPerBatch.toFixed(1), workMs.toFixed(2), p50Ms.toFixed(1), p99Ms.toFixed(1)];
    return `<tr><td>${name}</td><td>${batches.length}</td>${figures.map((figure) => `<td>${figure}</td>`).join('')}</tr>`;
  });
  return `<h2>${title}</h2>
<table><tr><th>${times.length} writes</th><th>batches</th><th>writes per batch</th><th>ms of batches per write</th><th>p50 ms</th><th>p99 ms</th></tr>
${rows.join('\n')}</table>
<div class="plots">
${plots.map(([name, yLabel, series]) => chart({ title: name, xLabel: 'ms', yLabel, series, isOverTime: true })).join('\n')}
</div>`;
}

const batchSizes = ({ batches }: Simulated): Series['points'] =>
  means(
    batches,
    ({ at }) => at,
    ({ writes }) => writes,
  );

const latencies = ({ settled }: Simulated): Series['points'] =>
  means(
    settled,
    ({ arrivedAt }) => arrivedAt,
    ({ latencyMs }) => latencyMs,
  );

function means<T>(
  values: readonly T[],
  at: (value: T) => number,
  figure: (value: T) => number,
): Series['points'] {
  return periods(values, at, figure).flatMap(({ x, sum, count }) =>
    count === 0 ? [] : [{ x, y: sum / count }],
  );
}

/** The sums of consecutive periods. */
function periods<T>(
  values: readonly T[],
  at: (value: T) => number,
  figure: (value: T) => number,
): { x: number; sum: number; count: number }[] {
  const sums: { x: number; sum: number; count: number }[] = [];
  for (const value of values) {
    const index = Math.floor(at(value) / periodMs);
    while (sums.length <= index) sums.push({ x: sums.length * periodMs, sum: 0, count: 0 });
    const period = sums[index]!;
    period.sum += figure(value);
    period.count += 1;
  }
  return sums;
}
