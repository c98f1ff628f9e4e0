import type { Command } from 'commander';

/** Adds the flags that select the writes of an action, and the dry run. */
export function addActionFlags(command: Command, what: string): Command {
  return command
    .argument('[ids...]', `ids of ${what}`)
    .option('--all-matching', `all ${what} that match the filters, instead of given ids`)
    .option('--dry-run', 'show what the command would do, and change nothing')
    .option('--yes', 'do not ask for confirmation');
}
