/** The other workloads: contenders in one run on equal databases. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bench } from '../bench.ts';
import { isOfRows, peerNames } from '../names.ts';
import { measurementLine, reportLines } from '../report/lines.ts';
import { reportPage } from '../report/page.ts';
import { makeFolder } from '@sluice/dev/embedded';
import { complain, printJson, printLine, ProgressLine, awaitStopRequest } from '@sluice/server/cli';
import { usualContenders, usualRowContenders, type BenchValues } from './bench-settings.ts';
import { writeDocuments } from './write-documents.ts';

const usualClients = [512];
const usualStudents = 6000;

export async function runContenders(values: BenchValues, isJson: boolean): Promise<void> {
  const progress = new ProgressLine();
  const { signal } = awaitStopRequest();
  // An unwritable file is reported before anything is measured.
  if (values.report !== undefined) await writeFile(values.report, '', { flag: 'a' });
  if (values.profile !== undefined) await makeFolder(values.profile);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-district-'));
  try {
    const { workload, seed, students = usualStudents } = values;
    const report = await bench({
      ...values,
      clients: values.clients ?? usualClients,
      contenders: (
        values.contenders ?? (isOfRows(workload) ? usualRowContenders(workload) : usualContenders)
      ).flatMap((name) => (name === 'peers' ? [...peerNames] : [name])),
      warmupSeconds: values.warmup,
      flushDelayMs: values.flushDelay ?? 0,
      postgres: values.postgres ?? {},
      rttMs: values.rtt ?? 0,
      databaseUrl: values.databaseUrl ?? null,
      dataDir: values.dataDir ?? null,
      profileFolder: values.profile ?? null,
      district: workload === 'district' ? await writeDocuments(folder, { seed, students }) : null,
      signal,
      onProgress: (sentence) => progress.show(() => sentence),
      onMeasurement(measurement) {
        progress.clear();
        if (process.stderr.isTTY) complain(measurementLine(measurement));
      },
    });
    progress.clear();
    if (values.report !== undefined) {
      await writeFile(values.report, reportPage([report]));
      await writeFile(
        `${values.report.replace(/\.html?$/, '')}.json`,
        `${JSON.stringify(report, null, 1)}\n`,
      );
    }
    if (isJson) printJson(report);
    else for (const line of reportLines(report)) printLine(line);
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    progress.clear();
    await rm(folder, { recursive: true, force: true });
  }
}
