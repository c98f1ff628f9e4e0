import type { Command } from 'commander';

/** For supervisors: when one dies, its pipe closes. */
export function addStopWithStdin(command: Command): void {
  command.option('--stop-with-stdin', 'stop when standard input ends, as on SIGTERM; for supervisors');
}
