import { showWrite } from 'sluice/operator';
import { readModelFiles } from '../config/read-model-files.ts';
import { databaseSettings } from '../config/database-settings.ts';
import { optionalModelFiles, referentialIdLayout } from '../config/settings.ts';
import { showLines } from '../operate/stuck-lines.ts';
import { withDatabase } from '../operate/with-database.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

export const showCommand = () =>
  createCommand({
    name: 'show',
    summary: 'show one write: its state, the reason for its wait, or its outcome',
    description:
      'Shows one write: its reason, the chain of writes that it waits for, its lane, the error of a dead letter, its outcome. ' +
      'It shows the table and the key of a row, and never other contents of documents and rows. With --model, it shows the ' +
      'identities of the documents that the write waits for.',
    settings: { ...databaseSettings, model: optionalModelFiles, referentialIdLayout },
    extend: (command) => command.argument('<id>', 'id of the write'),
    async run(values, flags, [id = '']) {
      const { model: files, referentialIdLayout: layout } = values;
      const model = files === undefined ? null : await readModelFiles(files, layout);
      const shown = await withDatabase(values, (database) => showWrite(database, id, model));
      if (flags['json'] === true) printJson(shown);
      else for (const line of showLines(shown)) printLine(line);
    },
  });
