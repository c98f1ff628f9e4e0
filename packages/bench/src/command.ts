import { writeFile } from 'node:fs/promises';
import { SluiceError } from 'sluice/internal/protocol';
import { benchSettings, type BenchValues } from './command/bench-settings.ts';
import { createCommand } from '@sluice/server/cli';

export const benchCommand = () =>
  createCommand({
    name: 'bench',
    summary: 'compare Sluice with other ways to write',
    description:
      'Measures contenders on one machine, one PostgreSQL and the same documents. Each round measures all contenders in ' +
      'turn, each on a fresh copy of one prefilled database. Reports medians with their spread, and ratios ' +
      'within rounds. With --workload open-loop or edfi it measures deployments over HTTP: --writers, --nodes, ' +
      '--lanes and --rate or --clients may then all have several values. docs/performance.md tells what the figures mean.\n\n' +
      'It reads no configuration file and has no --schema: its options alone decide, and its databases ' +
      'are temporary, with the schema sluice.',
    readsConfigFile: false,
    settings: benchSettings,
    async run(values, flags) {
      const { workload } = values;
      refuseForeign(values);
      if (values.gathering !== undefined) {
        const { gatheringPage } = await import('./gathering/gathering-page.ts');
        return writeFile(values.gathering, gatheringPage());
      }
      const isJson = flags['json'] === true;
      if (workload === 'open-loop' || workload === 'edfi') {
        const { runDeployments } = await import('./command/run-deployments.ts');
        return runDeployments(workload, values, isJson);
      }
      const { runContenders } = await import('./command/run-contenders.ts');
      await runContenders(values, isJson);
    },
  });

/** Refuses options that the workload does not use. */
function refuseForeign({ workload, documents, duplicates, pattern }: BenchValues): void {
  if (pattern !== 'steady' && workload !== 'open-loop') {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot use --pattern with --workload ${workload}: only the rate of open-loop changes`,
    );
  }
  if (Math.max(...duplicates) > 0 && !workload.startsWith('table')) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot use --duplicates with --workload ${workload}: only table, table-http and table-open-loop have them`,
    );
  }
  if (documents === undefined || workload === 'edfi') return;
  throw new SluiceError(
    'configuration_invalid',
    `Cannot use --documents with --workload ${workload}: only edfi sends given documents`,
  );
}
