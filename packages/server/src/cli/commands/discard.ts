import { discardWrites, type DiscardReport } from 'sluice/operator';
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

export const discardCommand = () =>
  createCommand({
    name: 'discard',
    summary: 'settle waiting writes as not applied, and delete dead letters',
    description:
      'Settles waiting writes as not applied, for good. Their clients get the error "discarded". The writer checks writes that wait for ' +
      'them again. Dead letters are deleted with their documents and rows. This cannot be undone.\n\n' +
      'Exits with 0 if every write was discarded, with 5 if some were already settled or unknown.',
    settings: { ...databaseSettings, olderThan, ...filterSettings },
    extend: (command) => void addActionFlags(command, 'writes and dead letters'),
    async run(values, flags, ids) {
      const target = targetOf(ids, flags['allMatching'] === true, filterOf(values, values.olderThan));
      await withDatabase(values, async (database) => {
        let report = await discardWrites(database, target, { actor: actor(), dryRun: true });
        if (flags['dryRun'] !== true) {
          const { discarded, removed } = report;
          const question = `Discard ${counted(discarded, 'write')} and remove ${counted(removed, 'dead letter')}, for good?`;
          if (report.matched > 0 && !(await confirm(question, flags, values)))
            return complain('Nothing was changed');
          report = await discardWrites(database, target, { actor: actor() });
        }
        if (flags['json'] === true) printJson(report);
        else for (const line of reportLines(report)) printLine(line);
        if (report.discarded + report.removed < report.matched || report.matched === 0 || report.notFound > 0)
          process.exitCode = attentionExitCode;
      });
    },
  });

function reportLines({ discarded, removed, settledElsewhere, notFound, dryRun }: DiscardReport): string[] {
  const [discards, removes] = dryRun ? ['Would discard', 'would remove'] : ['Discarded', 'removed'];
  return [
    `${discards} ${counted(discarded, 'write')}, ${removes} ${counted(removed, 'dead letter')}`,
    ...(settledElsewhere > 0 ? [`${settledElsewhere} were settled in the meantime`] : []),
    ...(notFound > 0 ? [`${notFound} were neither waiting nor dead letters`] : []),
  ];
}
