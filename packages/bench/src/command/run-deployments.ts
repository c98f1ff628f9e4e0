/** The workloads `open-loop` and `edfi`: deployments of this build, and of others for comparison. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureDeployments } from '../deployments/deployments.ts';
import { deployedContenders, peerNames } from '../names.ts';
import { deploymentLine, deploymentLines } from '../report/deployment-lines.ts';
import { makeFolder } from '@sluice/dev/embedded';
import { SluiceError } from 'sluice/internal/protocol';
import { complain, printJson, printLine, ProgressLine, awaitStopRequest } from '@sluice/server/cli';
import type { BenchValues } from './bench-settings.ts';
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
  if (values.profile !== undefined) await makeFolder(values.profile);
  const progress = new ProgressLine();
  const { signal } = awaitStopRequest();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-documents-'));
  try {
    const report = await measureDeployments({
      ...values,
      workload,
      contenders: (values.contenders ?? [...deployedContenders]).flatMap((name) =>
        name === 'peers' ? [...peerNames] : [name],
      ),
      clients: values.clients ?? usualClients,
      documents: workload === 'edfi' ? await writeDocuments(folder, sourceOf(values)) : null,
      builds: values.build,
      prefill: values.prefill[0] ?? 0,
      poolMax: values.poolMax[0] ?? 0,
      warmupSeconds: values.warmup,
      flushDelayMs: values.flushDelay ?? 0,
      postgres: values.postgres ?? {},
      databaseUrl: values.databaseUrl ?? null,
      dataDir: values.dataDir ?? null,
      profileFolder: values.profile ?? null,
      checkout,
      signal,
      onProgress: (sentence) => progress.show(() => sentence),
      onMeasurement(measurement) {
        progress.clear();
        if (process.stderr.isTTY) complain(deploymentLine(measurement));
      },
    });
    progress.clear();
    if (isJson) printJson(report);
    else for (const line of deploymentLines(report)) printLine(line);
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    progress.clear();
    await rm(folder, { recursive: true, force: true });
  }
}

function sourceOf({ documents, modelFiles, seed, students }: BenchValues): DocumentSource {
  if (documents !== undefined) return { documents, modelFiles };
  return { seed, students: students ?? usualStudents };
}
