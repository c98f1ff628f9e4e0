import { applyRoles, migrate } from 'sluice/internal/store';
import { requireDatabase } from '../config/database-url.ts';
import { databaseSettings, rolePrefix } from '../config/database-settings.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';
import { lockWait, tellLockWait } from './lock-wait-flag.ts';

export const migrateCommand = () =>
  createCommand({
    name: 'migrate',
    summary: 'bring the database schema up to date',
    description:
      'Brings the schema of the database to the version of this program. It may be repeated, and run from several ' +
      'places at the same time. If other sessions hold locks that it needs, it names them on standard error; with --json ' +
      'it writes a line {"event": "waiting", "for": [...]} to standard output.',
    settings: { ...databaseSettings, rolePrefix, wait: lockWait },
    storesAtOnce: 4,
    extend: (command) =>
      command
        .option('--dry-run', 'show the migrations, and run none')
        .option('--roles', 'then grant the database roles their rights, as `sluice roles` does'),
    async run(values, flags) {
      const dryRun = flags['dryRun'] === true;
      const place = requireDatabase(values);
      const waiting = tellLockWait(values.wait, flags['json'] === true);
      const { applied, version } = await migrate({ ...place, dryRun, ...waiting });
      if (flags['roles'] === true && !dryRun)
        await applyRoles({ ...place, prefix: values.rolePrefix, ...waiting });
      if (flags['json'] === true) return printJson({ applied, version, dryRun });
      for (const name of applied) printLine(dryRun ? `would run ${name}` : `ran ${name}`);
      if (dryRun && applied.length > 0) printLine(`The schema would then have version ${version}`);
      else printLine(`The schema has version ${version}`);
    },
  });
