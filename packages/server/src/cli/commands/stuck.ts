import { listStuck } from 'sluice/operator';
import { readModelFiles } from '../config/read-model-files.ts';
import { setting } from '../config/setting.ts';
import { databaseSettings } from '../config/database-settings.ts';
import { numberSetting } from '../config/setting-forms.ts';
import { optionalModelFiles, referentialIdLayout } from '../config/settings.ts';
import { filterOf, filterSettings, olderThan } from '../operate/filters.ts';
import { stuckLines } from '../operate/stuck-lines.ts';
import { withDatabase } from '../operate/with-database.ts';
import { printJson, printLine } from '../process/output.ts';
import * as z from 'zod';
import { createCommand } from './command.ts';

const limit = numberSetting('--limit <number>', [], 'largest number of lines', {
  from: 1,
  to: 1000,
  fallback: 50,
});

const after = setting<string | undefined>({
  flags: '--after <id>',
  description: 'continue after this write, which the page before names',
  form: 'the id of a write',
  schema: z.uuid(),
});

/** Writes that have waited for less are not stuck. */
const patienceSeconds = 30;

export const stuckCommand = () =>
  createCommand({
    name: 'stuck',
    summary: 'show waiting writes and dead letters, and why',
    description:
      'Shows writes that have waited for 30 seconds and dead letters of any age, or those older than --older-than. The ' +
      'oldest come first, each with its reason. With --model, it names the documents that blocked writes wait for. Their ' +
      'identities come from the bodies of the writes.',
    settings: {
      ...databaseSettings,
      olderThan: {
        ...olderThan,
        defaultText: `${patienceSeconds}s for waiting writes, any age for dead letters`,
      },
      ...filterSettings,
      limit,
      after,
      model: optionalModelFiles,
      referentialIdLayout,
    },
    async run(values, flags) {
      const { model: files, referentialIdLayout: layout } = values;
      const model = files === undefined ? null : await readModelFiles(files, layout);
      const page = {
        limit: values.limit,
        patienceSeconds: values.olderThan === undefined ? patienceSeconds : 0,
        ...(values.after === undefined ? {} : { after: values.after }),
      };
      const filter = filterOf(values, values.olderThan);
      const list = await withDatabase(values, (database) => listStuck(database, filter, page, model));
      if (flags['json'] === true) printJson(list);
      else
        for (const line of stuckLines(list, Object.keys(filter).length > 0 ? null : patienceSeconds))
          printLine(line);
    },
  });
