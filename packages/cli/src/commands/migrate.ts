import { migrate } from '@sluice/store';
import { requireDatabaseUrl } from '../config/database-url.ts';
import { databaseUrl } from '../config/settings.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

export const migrateCommand = () =>
  createCommand({
    name: 'migrate',
    summary: 'bring the database schema up to date',
    description:
      'Brings the schema of the database to the version of this program. Harmless to repeat, and to run from several ' +
      'places at once.',
    settings: { databaseUrl },
    extend: (command) => command.option('--dry-run', 'only say what would run'),
    async run(values, flags) {
      const dryRun = flags['dryRun'] === true;
      const { applied, version } = await migrate({ url: requireDatabaseUrl(values.databaseUrl), dryRun });
      if (flags['json'] === true) return printJson({ applied, version, dryRun });
      for (const name of applied) printLine(dryRun ? `would run ${name}` : `ran ${name}`);
      if (dryRun && applied.length > 0) printLine(`The schema would then have version ${version}`);
      else printLine(`The schema has version ${version}`);
    },
  });
