/** The command line: all commands, or the one that runs. */
import { Command } from 'commander';
import { SluiceError } from 'sluice/internal/protocol';
import { version } from './process/version.ts';

/** Each command is loaded on its own, because loading the others costs more time than most commands take. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  dev: () => findCommand('dev'),
  api: async () => (await import('./commands/api.ts')).apiCommand(),
  writer: async () => (await import('./commands/writer.ts')).writerCommand(),
  dashboard: async () => (await import('./commands/dashboard.ts')).dashboardCommand(),
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand(),
  roles: async () => (await import('./commands/roles.ts')).rolesCommand(),
  uninstall: async () => (await import('./commands/uninstall.ts')).uninstallCommand(),
  load: async () => (await import('./commands/load.ts')).loadCommand(),
  status: async () => (await import('./commands/status.ts')).statusCommand(),
  lanes: async () => (await import('./commands/lanes.ts')).lanesCommand(),
  stuck: async () => (await import('./commands/stuck.ts')).stuckCommand(),
  show: async () => (await import('./commands/show.ts')).showCommand(),
  retry: async () => (await import('./commands/retry.ts')).retryCommand(),
  discard: async () => (await import('./commands/discard.ts')).discardCommand(),
  pause: async () => (await import('./commands/pause.ts')).pauseCommand(),
  resume: async () => (await import('./commands/pause.ts')).resumeCommand(),
  writers: async () => (await import('./commands/writers.ts')).writersCommand(),
  drain: async () => (await import('./commands/drain.ts')).drainCommand(),
  projections: async () => (await import('./commands/projections.ts')).projectionsCommand(),
  targets: async () => (await import('./commands/targets.ts')).targetsCommand(),
  stores: async () => (await import('./commands/stores.ts')).storesCommand(),
  audit: async () => (await import('./commands/audit.ts')).auditCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  config: async () => (await import('./commands/config.ts')).configCommand(),
  keys: async () => (await import('./commands/keys.ts')).keysCommand(),
  bench: () => findCommand('bench'),
};

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

/** The command line with all its commands. */
export async function createProgram(): Promise<Command> {
  return programOf(await Promise.all(Object.values(commands).map((load) => load())));
}

/** The command line with the one command that the arguments name, or with all commands if they name none. */
export async function createProgramFor([name = '']: readonly string[]): Promise<Command> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return load === undefined ? createProgram() : programOf([await load()]);
}

function programOf(commands: readonly Command[]): Command {
  const program = new Command('sluice')
    .description('A distributed write coordinator for PostgreSQL')
    .version(version)
    .showHelpAfterError('(add --help for all options)');
  program.exitOverride();
  for (const command of commands) {
    program.addCommand(command.copyInheritedSettings(program));
    for (const part of command.commands) part.copyInheritedSettings(program);
  }
  return program;
}
