/** A load in words: the line while it runs, and the summary at its end. */
import type { LoadReport, LoadTally } from './load.ts';

const number = new Intl.NumberFormat('en-US');

export function progressText(tally: LoadTally, total: number | null): string {
  const of = total === null ? '' : ` / ${number.format(total)}`;
  const { submitted, documents, blocked } = tally;
  const parts = [
    `${number.format(documents)}${of} documents`,
    ...(submitted > documents ? [`${number.format(submitted)} submitted`] : []),
    ...(blocked > 0 ? [`${number.format(blocked)} blocked`] : []),
    `${number.format(tally.documentsPerSecond)}/s`,
    `p50 ${tally.p50Ms} ms`,
    `p99 ${tally.p99Ms} ms`,
    `${tally.failed} failed`,
  ];
  return parts.join('  ');
}

export function summaryLines(report: LoadReport): string[] {
  const { documents, created, updated, unchanged, failed, retries, seconds, documentsPerSecond } = report;
  const missingOf = new Map(report.refused.map(({ line, missing }) => [line, missing]));
  return [
    `${number.format(documents)} documents in ${seconds.toFixed(1)} s: ${number.format(documentsPerSecond)} documents/s, ` +
      `p50 ${report.p50Ms} ms, p99 ${report.p99Ms} ms`,
    `${number.format(created)} created, ${number.format(updated)} updated, ${number.format(unchanged)} unchanged, ` +
      `${number.format(failed)} failed, ${number.format(retries)} retries`,
    ...report.failures.map(({ line, endpoint, status, code }) => {
      const missing = missingOf
        .get(line)
        ?.map(({ resource, path }) => `no ${resource ?? 'document'} for ${path ?? '$'}`);
      const reason = missing === undefined ? '' : `: ${missing.join(', ')}`;
      return `  ${line}${endpoint === null ? '' : ` ${endpoint}`}: ${status === 0 ? '' : `${status} `}${code}${reason}`;
    }),
    ...(failed > report.failures.length
      ? [`  … and ${number.format(failed - report.failures.length)} more`]
      : []),
    ...(report.blockedLeft > 0
      ? [`${number.format(report.blockedLeft)} documents still wait for others, in the database`]
      : []),
  ];
}
