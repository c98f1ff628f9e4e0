/** The command line's entry: parses, runs one command, and turns what it throws into a sentence and an exit code. */
import { Command, CommanderError } from 'commander';
import { apiCommand } from './commands/api.ts';
import { auditCommand } from './commands/audit.ts';
import { benchCommand } from './commands/bench.ts';
import { dashboardCommand } from './commands/dashboard.ts';
import { devCommand } from './commands/dev.ts';
import { discardCommand } from './commands/discard.ts';
import { doctorCommand } from './commands/doctor.ts';
import { drainCommand } from './commands/drain.ts';
import { keysCommand } from './commands/keys.ts';
import { lanesCommand } from './commands/lanes.ts';
import { loadCommand } from './commands/load.ts';
import { migrateCommand } from './commands/migrate.ts';
import { pauseCommand, resumeCommand } from './commands/pause.ts';
import { retryCommand } from './commands/retry.ts';
import { showCommand } from './commands/show.ts';
import { rolesCommand } from './commands/roles.ts';
import { statusCommand } from './commands/status.ts';
import { stuckCommand } from './commands/stuck.ts';
import { writerCommand } from './commands/writer.ts';
import { writersCommand } from './commands/writers.ts';
import { tolerateClosedOutput } from './process/output.ts';
import { reportError } from './process/report-error.ts';
import { version } from './process/version.ts';

/** What a shell expects of a command that was called wrongly; the error table has it for settings as well. */
const usageExitCode = 2;

/** All commands. */
export function createProgram(): Command {
  const program = new Command('sluice')
    .description('A distributed write coordinator for PostgreSQL')
    .version(version)
    .showHelpAfterError('(add --help for all options)');
  const commands = [
    devCommand(),
    apiCommand(),
    writerCommand(),
    dashboardCommand(),
    migrateCommand(),
    rolesCommand(),
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
    auditCommand(),
    doctorCommand(),
    keysCommand(),
    benchCommand(),
  ];
  program.exitOverride();
  for (const command of commands) {
    program.addCommand(command.copyInheritedSettings(program));
    for (const part of command.commands) part.copyInheritedSettings(program);
  }
  return program;
}

/** Runs one command, and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  tolerateClosedOutput();
  const exitCode = await run(args);
  // Output may still be on its way into a pipe; whatever else is open then is of no use to anybody.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
}

async function run(args: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode;
    return reportError(error, args.includes('--json'));
  }
}
