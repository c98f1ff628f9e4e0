/** The report for people, on a terminal or in a pipe. */
import type { BenchReport, ClientsResult } from '../bench.ts';
import type { Measurement } from '../measure.ts';
import type { ContenderName } from '../names.ts';
import type { Spread, Summary } from '../statistics.ts';

export function measurementLine(measurement: Measurement, round: number): string {
  const { contender, clients, documentsPerSecond, p50Ms, p99Ms } = measurement;
  const latency = p50Ms === null ? '' : `, p50 ${p50Ms} ms, p99 ${p99Ms} ms`;
  return `round ${round}, ${clients} clients, ${contender}: ${Math.round(documentsPerSecond)} documents/s${latency}`;
}

export function reportLines(report: BenchReport): string[] {
  const { machine, server, workload, code, absent } = report;
  const lines = [
    `Workload ${workload}: PostgreSQL ${server.version}, ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${code} code`,
    `8 kB made durable in ${server.flush === null ? 'unknown time' : `${server.flush.p50Ms} ms`}, committed in ${server.commit.p50Ms} ms`,
  ];
  for (const [contender, why] of Object.entries(absent)) lines.push(`Without ${contender}: it ${why}`);
  for (const result of report.results) lines.push('', ...resultLines(result));
  return lines;
}

function resultLines(result: ClientsResult): string[] {
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
  const ratios = Object.entries(result.ratios)
    .filter(([name]) => /^(coordinated|local|direct)/.test(name) || name === 'one-statement/seed-direct')
    .map(([name, ratio]) => {
      const { min, max } = result.ratiosSpread[name] as Spread;
      return `  ${name}: ${ratio.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
    });
  return [
    `${result.clients} clients, median (min–max)`,
    ...aligned([header, ...rows]),
    'Ratios of documents/s',
    ...ratios,
  ];
}

function withSpread(summary: Summary | null | undefined, digits: number, isSpread = true): string {
  if (summary === null || summary === undefined) return '–';
  const { median, min, max } = summary;
  const shown = median.toFixed(digits);
  return isSpread ? `${shown} (${min.toFixed(digits)}–${max.toFixed(digits)})` : shown;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
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
