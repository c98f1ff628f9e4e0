import type { Command } from 'commander';

/** Which writes an action is about, and whether it is only tried. */
export function addActionFlags(command: Command, what: string): Command {
  return command
    .argument('[ids...]', `ids of ${what}`)
    .option('--all-matching', `all ${what} that match the filters, instead of named ones`)
    .option('--dry-run', 'only say what would be done')
    .option('--yes', 'do not ask');
}
