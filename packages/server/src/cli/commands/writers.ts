import { listWriters } from 'sluice/operator';
import { databaseSettings } from '../config/database-settings.ts';
import { tableLines } from '../operate/text.ts';
import { withDatabase } from '../operate/with-database.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

export const writersCommand = () =>
  createCommand({
    name: 'writers',
    summary: 'show the writers and the number of lanes that each leads',
    description:
      'Shows the running writers with their sessions, and up to 100 that have stopped or are lost, the latest first.',
    settings: databaseSettings,
    async run(values, flags) {
      const writers = await withDatabase(values, (database) => listWriters(database));
      if (flags['json'] === true) return printJson({ writers });
      if (writers.length === 0) return printLine('There are no writers');
      const rows = writers.map(({ writerId, host, processId, state, lanes, version, startedAt }) => [
        writerId,
        `${host}/${processId}`,
        state,
        String(lanes),
        version,
        startedAt,
      ]);
      for (const line of tableLines(['WRITER', 'PROCESS', 'STATE', 'LANES', 'VERSION', 'STARTED'], rows))
        printLine(line);
    },
  });
