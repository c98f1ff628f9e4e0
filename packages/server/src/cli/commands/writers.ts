import { listWriters } from 'sluice/operator';
import { databaseSettings } from '../config/database-settings.ts';
import { tableLines } from '../operate/text.ts';
import { withDatabase } from '../operate/with-database.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

export const writersCommand = () =>
  createCommand({
    name: 'writers',
    summary: 'show the writers, and how many lanes each leads',
    description:
      'Shows the writers that live, by their sessions, and those that have stopped or are gone: up to 100, the latest first.',
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
