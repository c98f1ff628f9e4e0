import { runDoctor, type DeepOptions, type Diagnosis } from 'sluice/operator';
import { roleName, type Database } from 'sluice/internal/store';
import { readModelFiles } from '../config/read-model-files.ts';
import { setting } from '../config/setting.ts';
import { withTls } from '../config/database-url.ts';
import { databaseSettings, listenUrl, rolePrefix } from '../config/database-settings.ts';
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
  description: 'number of lanes that processes will start with, to compare with the database',
  defaultText: 'any number',
  form: 'a whole number from 1 to 1024',
  schema: wholeNumber(1, 1024),
});

const transactionSeconds = numberSetting(
  '--transaction-seconds <seconds>',
  ['SLUICE_TRANSACTION_SECONDS'],
  'age at which an open transaction is a warning; ten times that age is a fault',
  { from: 1, to: 86_400, fallback: 60 },
);

export const doctorCommand = () =>
  createCommand({
    name: 'doctor',
    summary: 'check the deployment, and tell how to repair it',
    description:
      'Checks the server, its settings, the schema, the connection, obstacles to VACUUM, leaders and lanes. ' +
      'With --model and --lanes it also checks whether processes with these settings would start. Changes nothing.\n\n' +
      '--deep also finds rows that refer to missing rows. Use it after a restore, or if ' +
      'triggers were disabled. It reads all tables in slices and shows its progress on a terminal. Ctrl-C stops it, and it then ' +
      'reports what it has found.\n\n' +
      'Exits with 0 if all checks pass, with 5 if there are warnings, with 6 if there is a fault, and with 1 if the database ' +
      'cannot be reached.',
    settings: {
      ...databaseSettings,
      rolePrefix,
      listenUrl,
      model: optionalModelFiles,
      referentialIdLayout,
      lanes,
      transactionSeconds,
    },
    extend: (command) =>
      command
        .option('--all', 'show also the checks that pass')
        .option('--deep', 'check also every row that refers to another'),
    async run(values, flags) {
      const { model: files, lanes, listenUrl, transactionSeconds } = values;
      const model = files === undefined ? null : await readModelFiles(files, values.referentialIdLayout);
      const progress = new ProgressLine();
      const deep = (): DeepOptions => ({
        signal: awaitStopRequest().signal,
        onProgress: ({ check, looked }) => progress.show(() => `${check}: ${counted(looked, 'row')}`),
      });
      const diagnose = (database: Database): Promise<Diagnosis> =>
        runDoctor(database, {
          transactionSeconds,
          writerRole: roleName('writer', values.rolePrefix ?? values.schema),
          ...(flags['deep'] === true ? { deep: deep() } : {}),
          ...(lanes === undefined ? {} : { lanes }),
          ...(listenUrl === undefined ? {} : { listenUrl: withTls(listenUrl, values) }),
          ...(model === null ? {} : { modelHash: model.hash }),
        });
      const diagnosis = await withDatabase(values, diagnose, { takesAnyVersion: true });
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
  return [
    ...lines,
    `${counted(count('fault'), 'fault')}, ${counted(count('warning'), 'warning')}, ${counted(count('ok'), 'check')} passed`,
  ];
}
