import { uninstall, type UninstallPreview } from 'sluice/internal/store';
import { deploymentText, redactUrl, requireDatabase } from '../config/database-url.ts';
import { databaseSettings } from '../config/database-settings.ts';
import { confirm, hasTerminal } from '../operate/confirm.ts';
import { counted } from '../operate/text.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';
import { lockWait, tellLockWait } from './lock-wait-flag.ts';

export const uninstallCommand = () =>
  createCommand({
    name: 'uninstall',
    summary: 'remove the schema of Sluice from the database',
    description:
      'Drops the schema of the deployment with everything in it. Tables of other schemas do not change. The command refuses while ' +
      'writes wait, dead letters or documents exist, or nodes and writers are connected. It always refuses if objects of ' +
      'other schemas depend on the schema, or functions of other schemas call functions of the schema. The roles belong to ' +
      'the server and stay.\n\n' +
      'On a terminal the command names the database and asks first. Elsewhere it asks nothing, and needs --yes with --force.',
    settings: { ...databaseSettings, wait: lockWait },
    extend: (command) =>
      command
        .option('--force', 'drop the schema although data is lost')
        .option('--dry-run', 'show what would be lost, and change nothing')
        .option('--yes', 'do not ask for confirmation'),
    async run(values, flags) {
      const place = requireDatabase(values);
      const isJson = flags['json'] === true;
      const force = flags['force'] === true;
      const where = deploymentText(place);
      const named = { database: redactUrl(place.url), schema: values.schema };
      const preview = await uninstall({ ...place, dryRun: true });
      if (flags['dryRun'] === true) {
        if (isJson) return printJson({ dryRun: true, ...named, ...preview });
        for (const line of lossLines(where, preview)) printLine(line);
        return;
      }
      // Without --force, a refusal names what would be lost, and needs no question. Scripts without a terminal go on.
      if (force || (preview.reasons.length === 0 && hasTerminal())) {
        if (flags['yes'] !== true) for (const line of lossLines(where, preview)) complain(line);
        if (!(await confirm('Drop all of this?', flags, values))) return complain('Nothing was changed');
      }
      const lost = await uninstall({ ...place, force, ...tellLockWait(values.wait, isJson) });
      if (isJson) printJson({ uninstalled: true, ...named, ...lost });
      else printLine(`The schema of Sluice was removed: ${where}`);
    },
  });

function lossLines(where: string, preview: UninstallPreview): string[] {
  const { processes } = preview;
  const running = processes.map(({ pid, application, role }) => `  ${application} (process ${pid}, ${role})`);
  return [
    `An uninstall drops the ${where}:`,
    `  ${counted(preview.waiting, 'waiting write')}, ${counted(preview.deadLetters, 'dead letter')}`,
    `  ${counted(preview.documents, 'document')}, ${counted(preview.outcomes, 'outcome')}`,
    `  ${counted(preview.apiKeys, 'API key')}, ${counted(preview.auditRows, 'audit row')}`,
    ...(running.length === 0 ? [] : ['These sessions would fail:', ...running]),
  ];
}
