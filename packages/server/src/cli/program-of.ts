/** Assembles a command line from commands. */
import { Command } from 'commander';
import { version } from './process/version.ts';

export function programOf(commands: readonly Command[]): Command {
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
