import { runDoctor, type DeepOptions, type Diagnosis } from 'sluice/operator';
import { readModelFiles } from '../config/read-model-files.ts';
import { setting } from '../config/setting.ts';
import { withTls } from '../config/database-url.ts';
import { databaseSettings, listenUrl } from '../config/database-settings.ts';
import { numberSetting, wholeNumber } from '../config/setting-forms.ts';
import { optionalModelFiles, referentialIdLayout } from '../config/settings.ts';
import { attentionExitCode, faultExitCode } from '../operate/exit-codes.ts';
import { withDatabase } from '../operate/with-database.ts';
import { counted } from '../operate/text.ts';
import { printJson, printLine } from '../process/output.ts';
import { ProgressLine } from '../process/progress-line.ts';
import { awaitStopRequest } from '../process/stop-request.ts';
import { createCommand } from './command.ts';

const lanes = setting<number | undefined>({
  flags: '--lanes <number>',
  variables: ['SLUICE_LANES'],
  description: 'lanes that processes are to start with: compared with what the database has',
  form: 'a whole number from 1 to 1024',
  schema: wholeNumber(1, 1024),
});

const transactionSeconds = numberSetting(
  '--transaction-seconds <seconds>',
  ['SLUICE_TRANSACTION_SECONDS'],
  'age from which an open transaction is told of; ten times that is a fault',
  { from: 1, to: 86_400, fallback: 60 },
);

export const doctorCommand = () =>
  createCommand({
    name: 'doctor',
    summary: 'look for what is not well, and say what to do about it',
    description:
      'Looks at the server, its settings, the schema, the connection, and what holds VACUUM back; at leaders and lanes; and, ' +
      'with --model and --lanes, at whether processes that are started so would be let in. Changes nothing.\n\n' +
      '--deep also looks at every row that leads to another, for those that lead nowhere: after a restore, or where ' +
      'triggers were switched off. It reads all tables, in slices, and tells how far it is on a terminal; Ctrl-C ends it ' +
      'and tells what was found by then.\n\n' +
      'Ends with 0 if all is well, with 5 if there are warnings, with 6 if there is a fault, and with 1 if the database ' +
      'cannot be reached.',
    settings: {
      ...databaseSettings,
      listenUrl,
      model: optionalModelFiles,
      referentialIdLayout,
      lanes,
      transactionSeconds,
    },
    extend: (command) =>
      command
        .option('--all', 'tell also what is well')
        .option('--deep', 'look also at every row that leads to another'),
    async run(values, flags) {
      const { model: files, lanes, listenUrl, transactionSeconds } = values;
      const model = files === undefined ? null : await readModelFiles(files, values.referentialIdLayout);
      const progress = new ProgressLine();
      const deep = (): DeepOptions => ({
        signal: awaitStopRequest().signal,
        onProgress: ({ check, looked }) => progress.show(() => `${check}: ${counted(looked, 'row')}`),
      });
      const diagnosis = await withDatabase(values, (database) =>
        runDoctor(database, {
          transactionSeconds,
          ...(flags['deep'] === true ? { deep: deep() } : {}),
          ...(lanes === undefined ? {} : { lanes }),
          ...(listenUrl === undefined ? {} : { listenUrl: withTls(listenUrl, values) }),
          ...(model === null ? {} : { modelHash: model.hash }),
        }),
      );
      progress.clear();
      if (flags['json'] === true) printJson(diagnosis);
      else for (const line of diagnosisLines(diagnosis, flags['all'] === true)) printLine(line);
      process.exitCode = { ok: 0, warning: attentionExitCode, fault: faultExitCode }[diagnosis.verdict];
    },
  });

function diagnosisLines({ findings }: Diagnosis, isAll: boolean): string[] {
  const told = findings.filter(({ verdict }) => isAll || verdict !== 'ok');
  const lines = told.flatMap(({ check, verdict, says, advice }) => [
    `${verdict.padEnd(7)}  ${check}: ${says}`,
    ...(advice === null ? [] : [`         → ${advice}`]),
  ]);
  const count = (wanted: string): number => findings.filter(({ verdict }) => verdict === wanted).length;
  return [...lines, `${count('fault')} faults, ${count('warning')} warnings, ${count('ok')} checks are well`];
}
