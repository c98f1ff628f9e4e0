/** The other workloads: contenders in one run on equal databases. */
import { writeFile } from 'node:fs/promises';
import { bench } from '../bench.ts';
import { isOfRows } from '../names.ts';
import { measurementLine, reportLines } from '../report/lines.ts';
import { reportPage } from '../report/page.ts';
import { usualContenders, usualRowContenders, type BenchValues } from './bench-settings.ts';
import { runMeasurement, withPeers } from './run-measurement.ts';
import { writeDocuments } from './write-documents.ts';

const usualClients = [512];
const usualStudents = 6000;

export async function runContenders(values: BenchValues, isJson: boolean): Promise<void> {
  const { workload, seed, students = usualStudents, report: page } = values;
  // An unwritable file is reported before anything is measured.
  if (page !== undefined) await writeFile(page, '', { flag: 'a' });
  const usual = isOfRows(workload) ? usualRowContenders(workload) : usualContenders;
  await runMeasurement(
    values,
    isJson,
    async (run, folder) => {
      const report = await bench({
        ...values,
        ...run,
        clients: values.clients ?? usualClients,
        contenders: withPeers(values.contenders ?? usual),
        rttMs: values.rtt ?? 0,
        district: workload === 'district' ? await writeDocuments(folder, { seed, students }) : null,
      });
      if (page !== undefined) {
        await writeFile(page, reportPage([report]));
        await writeFile(`${page.replace(/\.html?$/, '')}.json`, `${JSON.stringify(report, null, 1)}\n`);
      }
      return report;
    },
    { lineOf: measurementLine, linesOf: reportLines },
  );
}
