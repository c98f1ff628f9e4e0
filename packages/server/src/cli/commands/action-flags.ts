import type { Command } from 'commander';

/** Which writes an action is about, and whether it is only tried. */
export function addActionFlags(command: Command, what: string): Command {
  return command
    .argument('[ids...]', `ids of ${what}`)
    .option('--all-matching', `all ${what} that match the filters, instead of given ids`)
    .option('--dry-run', 'show what the command would do, and change nothing')
    .option('--yes', 'do not ask for confirmation');
}
