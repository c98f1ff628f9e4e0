/** Reports as one self-contained HTML page: plots over the axis of each run, tables, and the facts of the machine. */
import { axisUnits } from '../axis.ts';
import type { BenchReport } from '../bench.ts';
import { isOfRows, type ContenderName } from '../names.ts';
import type { Summary } from '../statistics.ts';
import type { ContenderSummary, Growth, PointResult } from '../summary.ts';
import { costsOf } from '../sizing.ts';
import { chart, escape, type Series } from './chart.ts';
import { htmlPage } from './html-page.ts';
import { storesSection } from './stores-section.ts';

export function reportPage(reports: readonly BenchReport[]): string {
  return htmlPage(
    'figures',
    `<h1>Figures</h1>
<p>Medians of interleaved rounds with their lowest and highest; ratios are medians of the rounds' ratios. Clients wait
for each answer before they send the next document. <code>docs/performance.md</code> says what each contender is.</p>
${reports.map(section).join('\n')}`,
  );
}

function section(report: BenchReport): string {
  const { machine, server, workload, options } = report;
  const facts: [string, string][] = [
    ['made', report.at],
    [
      'machine',
      `${machine.cores} cores, ${machine.cpu}, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ${machine.platform}, Node ${machine.node}`,
    ],
    ['PostgreSQL', `${server.version}${server.isEmbedded ? ', embedded' : ''}`],
    [
      '8 kB made durable',
      server.flush === null ? 'not known' : `${server.flush.p50Ms} ms (99 %: ${server.flush.p99Ms} ms)`,
    ],
    ['8 kB committed', `${server.commit.p50Ms} ms (99 %: ${server.commit.p99Ms} ms)`],
    ['options', JSON.stringify(options)],
    [
      'settings',
      Object.entries(server.settings)
        .map(([name, value]) => `${name} = ${value}`)
        .join(', '),
    ],
    [
      'databases',
      report.databases === 'fresh'
        ? 'a fresh copy for each measurement'
        : 'one for all measurements, one after another',
    ],
    ...Object.entries(report.absent).map(([name, why]): [string, string] => [`without ${name}`, `it ${why}`]),
  ];
  return `<h2>Workload ${escape(workload)}</h2>
<dl>${facts.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>
<div class="plots">
${plot(report, 'Documents per second', 'documents/s', (summary) => summary.documentsPerSecond)}
${plot(report, 'Median latency', 'ms', (summary) => summary.p50Ms)}
${plot(report, '99th percentile of latency', 'ms', (summary) => summary.p99Ms)}
</div>
${report.results.map(table).join('\n')}
${report.growth === null ? '' : growthTable(report.growth)}
${predictions(report)}`;
}

/** Fewer clients fill no batch, so a document costs more than in a busy deployment. */
const clientsMin = 256;

/** Only of a run of documents that has measured every cost under load. */
function predictions(report: BenchReport): string {
  const clients = Math.max(...((report.options as { clients?: number[] }).clients ?? [0]));
  if (isOfRows(report.workload) || clients < clientsMin) return '';
  const { contenders } = report.results.toSorted((one, other) => other.value - one.value)[0] ?? {};
  const { cpuUsPerDocument: cpu, networkBytesPerDocument: network } = contenders?.coordinated ?? {};
  const costs = [cpu?.clients, cpu?.others, cpu?.postgres, network];
  const isWhole = costs.every((cost) => cost !== null && cost !== undefined && cost.median > 0);
  return isWhole ? storesSection(costsOf(report)) : '';
}

function plot(
  report: BenchReport,
  title: string,
  yLabel: string,
  value: (summary: ContenderSummary) => Summary | null,
): string {
  const names = [
    ...new Set(report.results.flatMap(({ contenders }) => Object.keys(contenders))),
  ] as ContenderName[];
  const series = names.flatMap((name): Series[] => {
    const points = report.results.flatMap(({ value: x, contenders }) => {
      const summary = contenders[name];
      const figures = summary === undefined ? null : value(summary);
      if (figures === null) return [];
      return [{ x, y: figures.median, min: figures.min, max: figures.max }];
    });
    return points.length === 0 ? [] : [{ name, points }];
  });
  return chart({ title, xLabel: axisUnits[report.axis], yLabel, series });
}

function table({ axis, value, contenders, ratios, ratiosSpread }: PointResult): string {
  const names = Object.keys(contenders) as ContenderName[];
  const cell = (summary: Summary | null | undefined, digits: number): string =>
    summary === null || summary === undefined
      ? '<td>–</td>'
      : `<td>${summary.median.toFixed(digits)} <span class="spread">${summary.min.toFixed(digits)}–${summary.max.toFixed(digits)}</span></td>`;
  const rows = names.map((name) => {
    const summary = contenders[name];
    const ratio = ratios[`${name}/seed-direct`];
    const spread = ratiosSpread[`${name}/seed-direct`];
    const compared =
      ratio === undefined || spread === undefined
        ? '<td>–</td>'
        : `<td>${ratio.toFixed(2)} <span class="spread">${spread.min.toFixed(2)}–${spread.max.toFixed(2)}</span></td>`;
    return `<tr><td>${escape(name)}</td>${cell(summary?.documentsPerSecond, 0)}${compared}${cell(summary?.p50Ms, 1)}${cell(summary?.p99Ms, 1)}${cell(summary?.walBytesPerDocument, 0)}${cell(summary?.cpuUsPerDocument.clients, 0)}${cell(summary?.cpuUsPerDocument.others, 0)}${cell(summary?.cpuUsPerDocument.postgres, 0)}</tr>`;
  });
  return `<h3>${value} ${axisUnits[axis]}</h3>
<table><tr><th></th><th>documents/s</th><th>÷ seed-direct</th><th>p50 ms</th><th>p99 ms</th><th>WAL bytes/document</th><th>CPU µs/document: clients</th><th>writers, nodes</th><th>PostgreSQL</th></tr>
${rows.join('\n')}</table>
${names.map((name) => quarters(name, contenders[name])).join('')}`;
}

function quarters(name: string, summary: ContenderSummary | undefined): string {
  if (summary?.backlog === undefined) return '';
  const { quarters, lastToFirstQuarter } = summary.backlog;
  const rates = quarters.map(({ median }) => median.toFixed(0)).join(', ');
  return `<p>${escape(name)} in each quarter of the backlog: ${rates} documents/s; last ÷ first ${lastToFirstQuarter.median.toFixed(2)}</p>`;
}

function growthTable({ axis, from, to, documentsPerSecond, ratios }: Growth): string {
  const rows = [...Object.entries(documentsPerSecond), ...Object.entries(ratios)].map(
    ([name, quotient]) => `<tr><td>${escape(name)}</td><td>${quotient.toFixed(2)}</td></tr>`,
  );
  return `<h3>At ${to} ${axisUnits[axis]} ÷ at ${from}</h3>
<table><tr><th></th><th>documents/s, and their ratios</th></tr>
${rows.join('\n')}</table>`;
}
