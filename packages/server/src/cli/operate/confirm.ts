/** Asks before an action that cannot be undone. */
import { createInterface } from 'node:readline/promises';
import { SluiceError } from 'sluice/internal/protocol';
import { deploymentText, requireDatabase, type DatabaseValues } from '../config/database-url.ts';

/** Whether a person can be asked. */
export function hasTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/**
 * Whether the user agrees. It asks on a terminal only, and names the database; elsewhere `--yes` is required.
 * @throws {SluiceError} `configuration_invalid` without a terminal
 */
export async function confirm(
  question: string,
  flags: Readonly<Record<string, unknown>>,
  values: DatabaseValues,
): Promise<boolean> {
  if (flags['yes'] === true) return true;
  if (!hasTerminal()) {
    throw new SluiceError(
      'configuration_invalid',
      'Cannot ask for confirmation: there is no terminal. Add --yes, or --dry-run to see what the command would do',
    );
  }
  const where = deploymentText(requireDatabase(values));
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} (${where}) [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
