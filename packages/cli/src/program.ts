/** The command line with all its commands. */
import type { Command } from 'commander';
import { apiCommand } from './commands/api.ts';
import { auditCommand } from './commands/audit.ts';
import { benchCommand } from './commands/bench.ts';
import { configCommand } from './commands/config.ts';
import { dashboardCommand } from './commands/dashboard.ts';
import { devCommand } from './commands/dev.ts';
import { discardCommand } from './commands/discard.ts';
import { doctorCommand } from './commands/doctor.ts';
import { drainCommand } from './commands/drain.ts';
import { keysCommand } from './commands/keys.ts';
import { lanesCommand } from './commands/lanes.ts';
import { loadCommand } from './commands/load.ts';
import { migrateCommand } from './commands/migrate.ts';
import { pauseCommand, resumeCommand } from './commands/pause.ts';
import { projectionsCommand } from './commands/projections.ts';
import { retryCommand } from './commands/retry.ts';
import { showCommand } from './commands/show.ts';
import { rolesCommand } from './commands/roles.ts';
import { statusCommand } from './commands/status.ts';
import { stuckCommand } from './commands/stuck.ts';
import { writerCommand } from './commands/writer.ts';
import { writersCommand } from './commands/writers.ts';
import { programOf } from './program-of.ts';

export function createProgram(): Command {
  return programOf([
    devCommand(),
    apiCommand(),
    writerCommand(),
    dashboardCommand(),
    migrateCommand(),
    rolesCommand(),
    loadCommand(),
    statusCommand(),
    lanesCommand(),
    stuckCommand(),
    showCommand(),
    retryCommand(),
    discardCommand(),
    pauseCommand(),
    resumeCommand(),
    writersCommand(),
    drainCommand(),
    projectionsCommand(),
    auditCommand(),
    doctorCommand(),
    configCommand(),
    keysCommand(),
    benchCommand(),
  ]);
}
