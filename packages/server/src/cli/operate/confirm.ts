/** Asks before an action that cannot be undone. */
import { createInterface } from 'node:readline/promises';
import { SluiceError } from 'sluice/internal/protocol';

/**
 * Whether the user agrees. It asks on a terminal only; elsewhere `--yes` is required.
 * @throws {SluiceError} `configuration_invalid` without a terminal
 */
export async function confirm(question: string, flags: Readonly<Record<string, unknown>>): Promise<boolean> {
  if (flags['yes'] === true) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new SluiceError(
      'configuration_invalid',
      'Cannot ask for confirmation: there is no terminal. Add --yes, or --dry-run to see what the command would do',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
