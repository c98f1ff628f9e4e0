import { requireDatabaseUrl, redactUrl } from '../config/database-url.ts';
import { databaseUrl } from '../config/settings.ts';
import { printJson, printLine } from '../process/output.ts';
import { readStatus } from '../status/read-status.ts';
import { statusLines } from '../status/status-lines.ts';
import { createCommand } from './command.ts';

export const statusCommand = () =>
  createCommand({
    name: 'status',
    summary: 'show lanes, leaders and what waits',
    description:
      'Shows what the database holds, who leads which lane, and what waits there. It asks the database alone, so it ' +
      'works with every node and writer down.',
    settings: { databaseUrl },
    async run(values, flags) {
      const url = requireDatabaseUrl(values.databaseUrl);
      const status = await readStatus(url);
      if (flags['json'] === true) printJson({ database: redactUrl(url), ...status });
      else for (const line of statusLines(status)) printLine(line);
    },
  });
