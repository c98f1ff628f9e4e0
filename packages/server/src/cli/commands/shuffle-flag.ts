import { SluiceError } from 'sluice/internal/protocol';
import type { Command } from 'commander';

export function addShuffle(command: Command): Command {
  return command.option(
    '--shuffle',
    'read all documents first and load them in a random order; needs --wait-for-references',
  );
}

/** @throws {SluiceError} `configuration_invalid` */
export function readsShuffle(
  flags: Readonly<Record<string, unknown>>,
  waitForReferencesSeconds: number | null,
): boolean {
  if (flags['shuffle'] !== true) return false;
  if (waitForReferencesSeconds !== null) return true;
  throw new SluiceError(
    'configuration_invalid',
    'Cannot start: --shuffle needs --wait-for-references, because a document may come before one that it refers to',
  );
}
