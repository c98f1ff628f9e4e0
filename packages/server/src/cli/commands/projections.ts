/** The projections of a deployment: shows the agreement, changes it, and derives rows for existing documents. */
import { rebuildProjection, type Projection, type RebuildReport } from 'sluice/internal/batch';
import { listProjections, type ProjectionStatus } from 'sluice/operator';
import { SluiceError } from 'sluice/internal/protocol';
import { changeProjections, type Database } from 'sluice/internal/store';
import { Command } from 'commander';
import { projectionModules, projectionsOf } from '../config/projections-of.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { databaseSettings } from '../config/database-settings.ts';
import { numberSetting } from '../config/setting-forms.ts';
import { modelFiles, referentialIdLayout } from '../config/settings.ts';
import type { Values } from '../config/setting.ts';
import { stoppedExitCode } from '../operate/exit-codes.ts';
import { counted, number, tableLines } from '../operate/text.ts';
import { withDatabase } from '../operate/with-database.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { ProgressLine } from '../process/progress-line.ts';
import { awaitStopRequest } from '../process/stop-request.ts';
import { createCommand } from './command.ts';

/** The settings of the deployment's processes, so that the same settings give the same projections. */
const processSettings = { ...databaseSettings, model: modelFiles, referentialIdLayout, projectionModules };

const sliceDocumentsMax = numberSetting(
  '--slice-documents-max <number>',
  ['SLUICE_SLICE_DOCUMENTS_MAX'],
  'largest number of documents in one transaction; a concurrent write of such a document waits for it',
  { from: 1, to: 10_000, fallback: 256 },
);

const list = () =>
  createCommand({
    name: 'list',
    summary: 'show the agreed projections, and whether each needs a rebuild',
    description:
      'Shows the projections that the deployment has agreed on, by name and version. A projection needs a rebuild if ' +
      'documents existed before the agreement.',
    settings: databaseSettings,
    async run(values, flags) {
      const projections = await withDatabase(values, listProjections);
      if (flags['json'] === true) return printJson({ projections });
      if (projections.length === 0) return printLine('The deployment has agreed on no projections');
      for (const line of listLines(projections)) printLine(line);
    },
  });

const agree = () =>
  createCommand({
    name: 'agree',
    summary: 'change the projections of the deployment',
    description:
      'Replaces the agreed projections by those of --projection and of the model, while the deployment runs. Afterwards, a ' +
      'writer or node with other projections settles nothing until it is restarted with the agreed ones; writes wait in the ' +
      'intake. So deploy the new settings, run this, and restart the writers, then the nodes. A projection that is new or ' +
      'has another version needs a rebuild if there are documents. Use the database role of writers.',
    settings: processSettings,
    async run(values, flags) {
      const given = await readProjections(values);
      const projections = await withDatabase(values, async (database) => {
        await changeProjections(database, given);
        return listProjections(database);
      });
      if (flags['json'] === true) return printJson({ projections });
      if (projections.length === 0) return printLine('The deployment has now agreed on no projections');
      for (const line of listLines(projections)) printLine(line);
    },
  });

const rebuild = () =>
  createCommand({
    name: 'rebuild',
    summary: 'derive the rows of a projection from the existing documents',
    description:
      'Derives the rows of one projection from all documents of its resources, in slices, while writers and nodes go on. ' +
      'After an interrupt or a kill, the next run resumes it. Exits with 130 if it was interrupted. Use the database role ' +
      'of writers.',
    settings: { ...processSettings, sliceDocumentsMax },
    extend: (command) =>
      command
        .argument('<name>', 'name of the projection, as `sluice projections` shows it')
        .option('--from-start', 'start at the first document, even if an earlier rebuild was interrupted'),
    async run(values, flags, [name = '']) {
      const projections = await readProjections(values);
      const projection = projections.find((each) => each.name === name);
      if (projection === undefined) throw unknown(name, projections);
      const progress = new ProgressLine();
      const work = ({ options }: Database): Promise<RebuildReport> =>
        rebuildProjection(options, projection, {
          signal: awaitStopRequest({ onSecond: () => progress.clear() }).signal,
          sliceDocumentsMax: values.sliceDocumentsMax,
          fromStart: flags['fromStart'] === true,
          onProgress: ({ documents, total }) =>
            progress.show(() => `${name}  ${number.format(documents)} / ${counted(total, 'document')}`),
        });
      const report = await withDatabase(values, work, { applicationName: 'sluice rebuild' }).finally(() =>
        progress.clear(),
      );
      if (!report.isComplete) process.exitCode = stoppedExitCode;
      if (flags['json'] === true) return printJson(report);
      if (report.isComplete) printLine(completeText(report));
      else
        complain(`Interrupted after ${counted(report.documents, 'document')}: run it again to go on there`);
    },
  });

export const projectionsCommand = () => {
  const group = new Command('projections')
    .summary('list, agree on and rebuild projections')
    .description(
      'Shows, changes and rebuilds the projections of the deployment: rows that it derives from documents.',
    );
  group.addCommand(list(), { isDefault: true });
  for (const command of [agree(), rebuild()]) group.addCommand(command);
  return group;
};

async function readProjections(values: Values<typeof processSettings>): Promise<Projection[]> {
  const model = await readModelFiles(values.model, values.referentialIdLayout);
  return projectionsOf(model, values.projectionModules);
}

function unknown(name: string, projections: readonly Projection[]): SluiceError {
  const known = projections.map((each) => each.name).join(', ');
  return new SluiceError(
    'configuration_invalid',
    `Cannot rebuild because no projection of --projection or of the model has this name: ${name.slice(0, 100)}` +
      (known === '' ? '' : ` (there are ${known})`),
  );
}

function completeText({ name, version, documents, removed }: RebuildReport): string {
  const gone = removed === 0 ? '' : `; removed the rows of ${counted(removed, 'document')} that are gone`;
  return `Rebuilt ${name}@${version} from ${counted(documents, 'document')}${gone}`;
}

function listLines(projections: readonly ProjectionStatus[]): string[] {
  const rows = projections.map(({ name, version, state, rebuiltDocuments, rebuiltAt }) => {
    const says =
      state === 'rebuilding'
        ? `rebuilding: ${counted(rebuiltDocuments, 'document')} done; run \`sluice projections rebuild ${name}\` if nothing does`
        : state === 'needs_rebuild'
          ? `needs a rebuild: run \`sluice projections rebuild ${name}\``
          : rebuiltAt === null
            ? 'complete'
            : `complete, rebuilt ${rebuiltAt}`;
    return [name, String(version), says];
  });
  return tableLines(['projection', 'version', 'state'], rows);
}
