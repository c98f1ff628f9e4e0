/** The workloads `open-loop` and `edfi`: deployments of this build, and of others beside it. */
import { fileURLToPath } from 'node:url';
import { measureDeployments } from '../deployments/deployments.ts';
import { deployedContenders } from '../names.ts';
import { deploymentLine, deploymentLines } from '../report/deployment-lines.ts';
import { SluiceError } from 'sluice/internal/protocol';
import type { BenchValues } from './bench-settings.ts';
import { runMeasurement, withPeers } from './run-measurement.ts';
import { writeDocuments, type DocumentSource } from './write-documents.ts';

/** The folder of this program's checkout. */
const checkout = fileURLToPath(new URL('../../../../', import.meta.url));

const usualClients = [64, 256];
const usualStudents = 2000;

export async function runDeployments(
  workload: 'open-loop' | 'edfi',
  values: BenchValues,
  isJson: boolean,
): Promise<void> {
  if (values.report !== undefined) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot use --report with --workload ${workload}: its result is a table, or with --json all of its figures`,
    );
  }
  await runMeasurement(
    values,
    isJson,
    async (run, folder) =>
      measureDeployments({
        ...values,
        ...run,
        workload,
        contenders: withPeers(values.contenders ?? [...deployedContenders]),
        clients: values.clients ?? usualClients,
        documents: workload === 'edfi' ? await writeDocuments(folder, sourceOf(values)) : null,
        builds: values.build,
        prefill: values.prefill[0] ?? 0,
        poolMax: values.poolMax[0] ?? 0,
        checkout,
      }),
    { lineOf: deploymentLine, linesOf: deploymentLines },
  );
}

function sourceOf({ documents, modelFiles, seed, students }: BenchValues): DocumentSource {
  if (documents !== undefined) return { documents, modelFiles };
  return { seed, students: students ?? usualStudents };
}
