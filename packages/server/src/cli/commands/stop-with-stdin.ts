import type { Command } from 'commander';

/** For supervisors: their death, however sudden, closes the pipe. */
export function addStopWithStdin(command: Command): void {
  command.option('--stop-with-stdin', 'stop, as by SIGTERM, when standard input ends: for supervisors');
}
