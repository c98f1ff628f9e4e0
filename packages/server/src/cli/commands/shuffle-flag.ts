import { SluiceError } from 'sluice/internal/protocol';
import type { Command } from 'commander';

export function addShuffle(command: Command): Command {
  return command.option('--shuffle', 'load in a random order, all read first; needs --wait-for-references');
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
    'Cannot start as --shuffle needs --wait-for-references: documents would be refused for those behind them',
  );
}
