import { drainWriter } from '@sluice/operator';
import { databaseUrl } from '../config/settings.ts';
import { withDatabase } from '../operate/with-database.ts';
import { actor } from '../process/actor.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

export const drainCommand = () =>
  createCommand({
    name: 'drain',
    summary: 'have a writer give up its lanes and end',
    description:
      'Asks a writer to give up its lanes and to take no more. It finishes its batch, hands its lanes to the others, and its ' +
      'process ends with 0; whatever supervises it may start it again, as a new writer.',
    settings: { databaseUrl },
    extend: (command) =>
      command.argument(
        '<writer>',
        'its id or the beginning of it, or host/process id: sluice writers shows them',
      ),
    async run(values, flags, [name = '']) {
      const writer = await withDatabase(values.databaseUrl, (database) =>
        drainWriter(database, name, actor()),
      );
      if (flags['json'] === true) printJson({ writer });
      else printLine(`The writer ${writer.writerId} (${writer.host}/${writer.processId}) drains`);
    },
  });
