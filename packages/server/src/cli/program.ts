/** The command line with all its commands. */
import { Command } from 'commander';
import { SluiceError } from 'sluice/internal/protocol';
import { apiCommand } from './commands/api.ts';
import { auditCommand } from './commands/audit.ts';
import { configCommand } from './commands/config.ts';
import { dashboardCommand } from './commands/dashboard.ts';
import { discardCommand } from './commands/discard.ts';
import { doctorCommand } from './commands/doctor.ts';
import { drainCommand } from './commands/drain.ts';
import { keysCommand } from './commands/keys.ts';
import { lanesCommand } from './commands/lanes.ts';
import { loadCommand } from './commands/load.ts';
import { migrateCommand } from './commands/migrate.ts';
import { pauseCommand, resumeCommand } from './commands/pause.ts';
import { projectionsCommand } from './commands/projections.ts';
import { retryCommand } from './commands/retry.ts';
import { showCommand } from './commands/show.ts';
import { rolesCommand } from './commands/roles.ts';
import { statusCommand } from './commands/status.ts';
import { storesCommand } from './commands/stores.ts';
import { stuckCommand } from './commands/stuck.ts';
import { targetsCommand } from './commands/targets.ts';
import { uninstallCommand } from './commands/uninstall.ts';
import { writerCommand } from './commands/writer.ts';
import { writersCommand } from './commands/writers.ts';
import { programOf } from './program-of.ts';

/**
 * Commands of unpublished packages, which deployments do not need: an embedded PostgreSQL, and drivers of other
 * systems. They exist in a checkout of the repository.
 */
async function findCommand(name: 'dev' | 'bench'): Promise<Command> {
  try {
    const module = (await import(`@sluice/${name}/command`)) as Record<string, () => Command>;
    return module[`${name}Command`]!();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return absentCommand(name);
  }
}

function absentCommand(name: string): Command {
  return new Command(name)
    .summary('only in a checkout of the repository')
    .allowUnknownOption()
    .argument('[words...]')
    .action(() => {
      throw new SluiceError(
        'configuration_invalid',
        `Cannot run ${name}: it is not installed. It is part of a checkout of the repository`,
      );
    });
}

export async function createProgram(): Promise<Command> {
  const [dev, bench] = await Promise.all([findCommand('dev'), findCommand('bench')]);
  return programOf([
    dev,
    apiCommand(),
    writerCommand(),
    dashboardCommand(),
    migrateCommand(),
    rolesCommand(),
    uninstallCommand(),
    loadCommand(),
    statusCommand(),
    lanesCommand(),
    stuckCommand(),
    showCommand(),
    retryCommand(),
    discardCommand(),
    pauseCommand(),
    resumeCommand(),
    writersCommand(),
    drainCommand(),
    projectionsCommand(),
    targetsCommand(),
    storesCommand(),
    auditCommand(),
    doctorCommand(),
    configCommand(),
    keysCommand(),
    bench,
  ]);
}
