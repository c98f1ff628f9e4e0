/** The output of `sluice dev`: what runs, the result of the load, what to try next. */
import { join } from 'node:path';
import type { Model } from 'sluice/model';
import { deploymentText, summaryLines } from '@sluice/server/cli';
import type { Cluster } from './cluster.ts';
import type { DevOptions } from './dev-options.ts';
import type { ExistingDatabase } from './existing-database.ts';
import type { ClusterLoadReport } from './run-load.ts';

const number = new Intl.NumberFormat('en-US');

export function startedLines(cluster: Cluster): string[] {
  return cluster.processes.map(
    ({ name, pid, url }) => `${name} is ready${url === null ? '' : ` on ${url}`} (process ${pid})`,
  );
}

export function loadLines(report: ClusterLoadReport): string[] {
  const { batches, batchSizeMean, batchSizeMedian, batchSizeMax } = report;
  return [
    ...summaryLines(report),
    `${number.format(batches)} batches of ${batchSizeMean} writes on average, half of them ${batchSizeMedian} or more, ` +
      `the largest ${batchSizeMax}`,
  ];
}

export function comparisonLine(report: ClusterLoadReport, direct: ClusterLoadReport): string {
  const { documentsPerSecond, p50Ms, p99Ms } = direct;
  return (
    `direct: ${number.format(documentsPerSecond)} documents/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms; ` +
    `the coordinator is ${ratioOf(report, direct)} times as fast`
  );
}

/** One object with what was run and its result. */
export function summaryOf(
  cluster: Cluster,
  options: DevOptions,
  loaded: { report: ClusterLoadReport; direct: ClusterLoadReport | null } | null,
) {
  const report = loaded?.report ?? nothing;
  const direct = loaded?.direct ?? null;
  return {
    ...report,
    mode: options.mode,
    nodes: options.nodes,
    writers: options.writers,
    concurrency: options.concurrency,
    waitForReferencesSeconds: options.waitForReferencesSeconds,
    shuffleSeed: options.shuffleSeed,
    /** Processes that died and were restarted. */
    restarts: cluster.restarts,
    direct: direct && figuresOf(direct),
    ratio: direct && ratioOf(report, direct),
  };
}

export function nextSteps(cluster: Cluster, model: Model): string[] {
  const [first = '', second = first] = cluster.nodeUrls;
  const resource = model.resources.find(({ isDescriptor }) => isDescriptor) ?? model.resources[0];
  const list = model.findEndpoint('sample/students') ?? resource;
  const descriptor = {
    namespace: `uri://example.org/${resource?.name}`,
    codeValue: 'Mine',
    shortDescription: 'Mine',
  };
  const credentials = cluster.token === null ? '' : ` -H 'authorization: Bearer ${cluster.token}'`;
  return [
    '',
    'Everything is up. Try:',
    ...(list === undefined ? [] : [`  curl '${first}/data/${list.endpoint}?limit=2'${credentials}`]),
    ...(resource?.isDescriptor === true
      ? [
          `  curl -i ${second}/data/${resource.endpoint} -H 'content-type: application/json'${credentials} \\`,
          `    -d '${JSON.stringify(descriptor)}'`,
        ]
      : []),
    `  DATABASE_URL='${cluster.databaseUrl}' SLUICE_SCHEMA=${cluster.schema} npx sluice status`,
    '',
    `  ${first}/dashboard/`,
    ...cluster.nodeUrls.map((url) => `  ${url}/docs`),
    `  ${cluster.databaseUrl}`,
    '',
    'Ctrl-C stops everything.',
  ];
}

/** The same for a database of the user. */
export function existingSteps(
  cluster: Cluster,
  { url, tables, removal }: ExistingDatabase,
  curl: readonly string[],
): string[] {
  const [first = ''] = cluster.nodeUrls;
  const { schema, token } = cluster;
  const credentials = token === null ? '' : ` -H 'authorization: Bearer ${token}'`;
  return [
    '',
    `Node and writer run, and write to ${tables.join(', ')}. Try:`,
    ...curl.map((line) => `  ${line}${credentials}`),
    '',
    `  ${first}/dashboard/`,
    `  ${first}/docs`,
    '',
    'Ctrl-C stops node and writer, and leaves the rows that were written. Afterwards, in this shell and folder, this removes the',
    `${deploymentText({ url, schema })}:`,
    `  ${removal}`,
  ];
}

/** The default folder of a cluster. */
export const defaultDataDir = join('.sluice', 'dev');

function ratioOf(report: { documentsPerSecond: number }, direct: { documentsPerSecond: number }): number {
  return Number((report.documentsPerSecond / Math.max(1, direct.documentsPerSecond)).toFixed(2));
}

function figuresOf(report: ClusterLoadReport) {
  const { documents, failed, retries, seconds, documentsPerSecond, p50Ms, p99Ms } = report;
  return { documents, failed, retries, seconds, documentsPerSecond, p50Ms, p99Ms };
}

const nothing: ClusterLoadReport = {
  submitted: 0,
  documents: 0,
  created: 0,
  updated: 0,
  unchanged: 0,
  failed: 0,
  retries: 0,
  seconds: 0,
  documentsPerSecond: 0,
  p50Ms: 0,
  p99Ms: 0,
  batches: 0,
  batchSizeMean: 0,
  batchSizeMedian: 0,
  batchSizeMax: 0,
  failures: [],
  refused: [],
  blockedLeft: 0,
  isInterrupted: false,
};
