import type { Command } from 'commander';

/** For supervisors: their death, however sudden, closes the pipe. */
export function addStopWithStdin(command: Command): void {
  command.option('--stop-with-stdin', 'stop when standard input ends, as on SIGTERM; for supervisors');
}
