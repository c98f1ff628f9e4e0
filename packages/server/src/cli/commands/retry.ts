import { retryWrites, type RetryReport } from 'sluice/operator';
import { databaseSettings } from '../config/database-settings.ts';
import { confirm } from '../operate/confirm.ts';
import { attentionExitCode } from '../operate/exit-codes.ts';
import { filterOf, filterSettings, olderThan, targetOf } from '../operate/filters.ts';
import { counted } from '../operate/text.ts';
import { withDatabase } from '../operate/with-database.ts';
import { actor } from '../process/actor.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { addActionFlags } from './action-flags.ts';
import { createCommand } from './command.ts';

export const retryCommand = () =>
  createCommand({
    name: 'retry',
    summary: 'submit dead letters again as new writes',
    description:
      'Submits dead letters again, each as a new write with a new id. The old outcomes stay. The command refuses a dead letter if its document ' +
      'has changed since the write failed, or if the intake has another write of the document or row. --force retries it nevertheless. ' +
      'The command cannot tell whether a row has changed.\n\n' +
      'Exits with 0 if every dead letter was retried, with 5 if some were refused or not found.',
    settings: { ...databaseSettings, olderThan, ...filterSettings },
    extend: (command) =>
      addActionFlags(command, 'dead letters').option(
        '--force',
        'retry also if the document has changed since',
      ),
    async run(values, flags, ids) {
      const target = targetOf(ids, flags['allMatching'] === true, filterOf(values, values.olderThan));
      const force = flags['force'] === true;
      await withDatabase(values, async (database) => {
        const options = { actor: actor(), force };
        let report = await retryWrites(database, target, { ...options, dryRun: true });
        if (flags['dryRun'] !== true) {
          const question = `Submit ${counted(report.retried, 'dead letter')} again?`;
          if (report.retried > 0 && !(await confirm(question, flags, values)))
            return complain('Nothing was changed');
          report = await retryWrites(database, target, options);
        }
        if (flags['json'] === true) printJson(report);
        else for (const line of reportLines(report)) printLine(line);
        if (report.retried < report.matched || report.matched === 0 || report.notFound > 0)
          process.exitCode = attentionExitCode;
      });
    },
  });

const refusals = {
  document_changed: 'refused, because the document has changed since: --force overwrites it',
  document_pending: 'refused, because the intake has another write of the document or row',
} as const;

function reportLines({ matched, retried, notFound, dryRun, refused, writes }: RetryReport): string[] {
  return [
    `${dryRun ? 'Would submit' : 'Submitted'} ${counted(retried, 'dead letter')} again, of ${matched}`,
    ...Object.entries(refused).map(
      ([refusal, count]) => `${count} ${refusals[refusal as keyof typeof refusals]}`,
    ),
    ...(notFound > 0 ? [`${notFound} not found: no dead letter has this id`] : []),
    ...writes.flatMap(({ writeId, newWriteId }) =>
      newWriteId === null ? [] : [`${writeId} is now ${newWriteId}`],
    ),
  ];
}
