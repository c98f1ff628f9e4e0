/** The report for people, on a terminal or in a pipe. */
import { axisUnits } from '../axis.ts';
import type { RunMeasurement } from '../bench-options.ts';
import type { BenchReport } from '../bench.ts';
import type { ContenderName } from '../names.ts';
import type { Spread, Summary } from '../statistics.ts';
import type { Growth, PointResult } from '../summary.ts';

export function measurementLine(measurement: RunMeasurement): string {
  const { contender, round, axis, value, documentsPerSecond, p50Ms, p99Ms } = measurement;
  const latency = p50Ms === null ? '' : `, p50 ${p50Ms} ms, p99 ${p99Ms} ms`;
  return `round ${round}, ${value} ${axisUnits[axis]}, ${contender}: ${Math.round(documentsPerSecond)} documents/s${latency}`;
}

export function reportLines(report: BenchReport): string[] {
  const { machine, server, workload, code, absent } = report;
  const lines = [
    `Workload ${workload}: PostgreSQL ${server.version}, ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${code} code`,
    `8 kB made durable in ${server.flush === null ? 'unknown time' : `${server.flush.p50Ms} ms`}, committed in ${server.commit.p50Ms} ms`,
  ];
  for (const [contender, why] of Object.entries(absent)) lines.push(`Without ${contender}: it ${why}`);
  if (report.databases === 'shared') lines.push('Measured one after another on the same database');
  for (const result of report.results) lines.push('', ...resultLines(result));
  if (report.growth !== null) lines.push('', ...growthLines(report.growth));
  return lines;
}

function resultLines(result: PointResult): string[] {
  const header = [
    '',
    'documents/s',
    'p50 ms',
    'p99 ms',
    'WAL bytes',
    'CPU µs clients',
    'writers',
    'PostgreSQL',
  ];
  const names = Object.keys(result.contenders) as ContenderName[];
  const rows = names.map((name) => {
    const summary = result.contenders[name];
    return [
      name,
      withSpread(summary?.documentsPerSecond, 0),
      withSpread(summary?.p50Ms, 1),
      withSpread(summary?.p99Ms, 1),
      withSpread(summary?.walBytesPerDocument, 0, false),
      withSpread(summary?.cpuUsPerDocument.clients, 0, false),
      withSpread(summary?.cpuUsPerDocument.others, 0, false),
      withSpread(summary?.cpuUsPerDocument.postgres, 0, false),
    ];
  });
  const quarters = names.flatMap((name) => {
    const { backlog } = result.contenders[name] ?? {};
    if (backlog === undefined) return [];
    const { median, min, max } = backlog.lastToFirstQuarter;
    const rates = backlog.quarters.map((each) => each.median.toFixed(0)).join(', ');
    return [`  ${name}: ${rates}; last ÷ first ${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`];
  });
  // At a given rate, all writes are stored; only latencies differ.
  const latencies =
    result.axis !== 'rate'
      ? []
      : Object.entries(result.p50Ratios)
          .filter(([name]) => isTold(name))
          .map(
            ([name, p50]) =>
              `  ${name}: p50 ${p50.toFixed(2)}, p99 ${result.p99Ratios[name]?.toFixed(2) ?? '–'}`,
          );
  const ratios = Object.entries(result.ratios)
    .filter(([name]) => isTold(name))
    .map(([name, ratio]) => {
      const { min, max } = result.ratiosSpread[name] as Spread;
      return `  ${name}: ${ratio.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
    });
  return [
    `${result.value} ${axisUnits[result.axis]}, median (min–max)`,
    ...aligned([header, ...rows]),
    ...(quarters.length === 0 ? [] : ['Documents/s in each quarter of the backlog', ...quarters]),
    ...(latencies.length === 0 ? [] : ['Ratios of latencies', ...latencies]),
    ...(ratios.length === 0 ? [] : ['Ratios of documents/s', ...ratios]),
  ];
}

/** Ratios of Sluice, and those that the others are compared by. */
function isTold(ratio: string): boolean {
  return /^(coordinated|local|direct|batched)/.test(ratio) || ratio === 'one-statement/seed-direct';
}

function growthLines({ axis, from, to, documentsPerSecond, ratios, ratiosSpread }: Growth): string[] {
  return [
    `At ${to} ${axisUnits[axis]} ÷ at ${from}`,
    ...Object.entries(documentsPerSecond).map(([name, quotient]) => `  ${name}: ${quotient.toFixed(2)}`),
    ...Object.entries(ratios)
      .filter(([name]) => isTold(name))
      .map(([name, quotient]) => {
        const { min, max } = ratiosSpread[name] as Spread;
        return `  ${name}: ${quotient.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
      }),
  ];
}

export function withSpread(summary: Summary | null | undefined, digits: number, isSpread = true): string {
  if (summary === null || summary === undefined) return '–';
  const { median, min, max } = summary;
  const shown = median.toFixed(digits);
  return isSpread ? `${shown} (${min.toFixed(digits)}–${max.toFixed(digits)})` : shown;
}

export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((text, column) =>
        column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}
