import { uninstall, type UninstallPreview } from 'sluice/internal/store';
import { requireDatabase } from '../config/database-url.ts';
import { databaseSettings } from '../config/database-settings.ts';
import { confirm } from '../operate/confirm.ts';
import { counted } from '../operate/text.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';
import { lockWait, tellLockWait } from './lock-wait-flag.ts';

export const uninstallCommand = () =>
  createCommand({
    name: 'uninstall',
    summary: 'take the schema of Sluice out of the database',
    description:
      'Drops the schema of the deployment with everything in it. Tables of other schemas stay as they are. It refuses while ' +
      'writes wait, dead letters or documents are kept, or nodes and writers are connected, and always where objects of ' +
      'other schemas depend on the schema. Roles belong to the server and stay.',
    settings: { ...databaseSettings, wait: lockWait },
    extend: (command) =>
      command
        .option('--force', 'drop it although something is lost; the question says what')
        .option('--dry-run', 'only say what would be lost')
        .option('--yes', 'do not ask'),
    async run(values, flags) {
      const place = requireDatabase(values);
      const isJson = flags['json'] === true;
      const force = flags['force'] === true;
      const preview = await uninstall({ ...place, dryRun: true });
      if (flags['dryRun'] === true) {
        if (isJson) return printJson({ dryRun: true, ...preview });
        for (const line of lossLines(preview)) printLine(line);
        return;
      }
      // Without --force the refusal names what would be lost, and nothing else is lost but the record of the past.
      if (force) {
        if (flags['yes'] !== true) for (const line of lossLines(preview)) complain(line);
        if (!(await confirm('Drop all of this?', flags))) return complain('Nothing was done');
      }
      const lost = await uninstall({ ...place, force, ...tellLockWait(values.wait, isJson) });
      if (isJson) printJson({ uninstalled: true, ...lost });
      else printLine('The database has no schema of Sluice any more');
    },
  });

function lossLines(preview: UninstallPreview): string[] {
  const { processes } = preview;
  const running = processes.map(({ pid, application, role }) => `  ${application} (process ${pid}, ${role})`);
  return [
    'An uninstall drops:',
    `  ${counted(preview.waiting, 'waiting write')}, ${counted(preview.deadLetters, 'dead letter')}`,
    `  ${counted(preview.documents, 'document')}, ${counted(preview.outcomes, 'outcome')}`,
    `  ${counted(preview.apiKeys, 'API key')}, ${counted(preview.auditRows, 'audit row')}`,
    ...(running.length === 0 ? [] : ['These sessions would fail:', ...running]),
  ];
}
