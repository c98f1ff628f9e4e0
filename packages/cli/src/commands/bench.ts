import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  contenderNames,
  databaseChoices,
  peerNames,
  workloadNames,
  type ContenderName,
  type DatabaseChoice,
  type WorkloadName,
} from '@sluice/bench';
import * as z from 'zod';
import { defaults, SluiceError } from '@sluice/protocol';
import { setting, type Values } from '../config/setting.ts';
import { databaseUrl } from '../config/database-settings.ts';
import { numberSetting, wholeNumber } from '../config/setting-forms.ts';
import { lanes } from '../config/settings.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { ProgressLine } from '../process/progress-line.ts';
import { awaitStopRequest } from '../process/stop-request.ts';
import { createCommand } from './command.ts';

const contenderChoices = [...contenderNames, ...peerNames, 'peers'] as const;

const milliseconds = z
  .string()
  .regex(/^\d{1,4}(\.\d{1,3})?ms$/)
  .transform((text) => Number.parseFloat(text));

const pathSetting = (flags: string, variable: string, description: string) =>
  setting<string | undefined>({
    flags,
    variables: [variable],
    description,
    form: 'a path',
    schema: z.string().min(1),
  });

/**
 * Several values, measured one after another: only one of the settings may have them, which is the axis of the run.
 */
const numbersSetting = (
  flags: string,
  variables: readonly string[],
  description: string,
  { from, to, fallback }: { from: number; to: number; fallback: number },
) =>
  setting<number[]>({
    flags,
    variables,
    description: `${description}; several with commas between them are compared`,
    form: `whole numbers from ${from} to ${to}, with commas between them`,
    schema: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(wholeNumber(from, to) as z.ZodType<number, string>).min(1)),
    fallback: [fallback],
  });

const settings = {
  workload: setting<WorkloadName>({
    flags: '--workload <name>',
    variables: ['SLUICE_BENCH_WORKLOAD'],
    description: workloadNames.join(', '),
    form: `one of ${workloadNames.join(', ')}`,
    schema: z.enum(workloadNames),
    fallback: 'insert',
  }),
  clients: numbersSetting('--clients <numbers>', ['SLUICE_BENCH_CLIENTS'], 'waiting clients', {
    from: 1,
    to: 10_000,
    fallback: 512,
  }),
  contenders: setting<string[]>({
    flags: '--contenders <names>',
    variables: ['SLUICE_BENCH_CONTENDERS'],
    description: `${contenderChoices.join(', ')}, with commas between them`,
    form: `a list of ${contenderChoices.join(', ')}`,
    schema: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(z.enum(contenderChoices)).min(1)),
    fallback: ['seed-direct', 'one-statement', 'coordinated', 'ceiling'],
  }),
  rounds: numberSetting('--rounds <number>', ['SLUICE_BENCH_ROUNDS'], 'rounds, each of all contenders', {
    from: 1,
    to: 100,
    fallback: 3,
  }),
  seconds: numberSetting('--seconds <number>', ['SLUICE_BENCH_SECONDS'], 'length of one measurement', {
    from: 1,
    to: 3600,
    fallback: 5,
  }),
  warmup: numberSetting('--warmup <seconds>', ['SLUICE_BENCH_WARMUP'], 'before each measurement', {
    from: 0,
    to: 600,
    fallback: 3,
  }),
  prefill: numbersSetting(
    '--prefill <numbers>',
    ['SLUICE_BENCH_PREFILL'],
    'documents stored and analysed before each measurement',
    { from: 0, to: 100_000_000, fallback: 20_000 },
  ),
  seed: numberSetting('--seed <number>', ['SLUICE_SEED'], 'which documents are generated', {
    from: 0,
    to: 1_000_000,
    fallback: 1,
  }),
  students: numberSetting(
    '--students <number>',
    ['SLUICE_STUDENTS'],
    'of the district, with --workload district',
    {
      from: 1,
      to: 1_000_000,
      fallback: 6000,
    },
  ),
  lanes: numbersSetting('--lanes <numbers>', lanes.variables ?? [], lanes.description, {
    from: 1,
    to: 1024,
    fallback: defaults.lanes,
  }),
  rate: numbersSetting(
    '--rate <numbers>',
    ['SLUICE_BENCH_RATE'],
    'writes that arrive in a second, with --workload open-loop',
    { from: 1, to: 100_000, fallback: 100 },
  ),
  build: setting<string[]>({
    flags: '--build <folders>',
    variables: ['SLUICE_BENCH_BUILD'],
    description:
      'other checkouts, built, measured beside this one, with commas between them, with --workload open-loop',
    form: 'folders, with commas between them',
    schema: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(z.string().min(1))),
    fallback: [],
  }),
  nodes: numbersSetting(
    '--nodes <numbers>',
    ['SLUICE_BENCH_NODES'],
    'processes that the clients are divided over; with --workload http or open-loop, API nodes',
    { from: 1, to: 64, fallback: 1 },
  ),
  writers: numbersSetting(
    '--writers <numbers>',
    ['SLUICE_BENCH_WRITERS'],
    'writer processes of coordinated, and with --workload open-loop',
    {
      from: 1,
      to: 64,
      fallback: 1,
    },
  ),
  sessions: numberSetting(
    '--sessions <number>',
    ['SLUICE_SESSIONS'],
    'sessions of each writer, unless the contender names them: coordinated-2',
    { from: 1, to: 64, fallback: 1 },
  ),
  batchWritesMax: numbersSetting(
    '--batch-writes-max <numbers>',
    ['SLUICE_BATCH_WRITES_MAX'],
    'writes settled in one transaction at most, by writers and by the ceiling',
    { from: 1, to: 10_000, fallback: defaults.batchWritesMax },
  ),
  poolMax: numbersSetting(
    '--pool-max <numbers>',
    ['SLUICE_BENCH_POOL_MAX'],
    'connections of seed-direct, one-statement, direct and peers',
    { from: 1, to: 250, fallback: 32 },
  ),
  backlog: numbersSetting(
    '--backlog <numbers>',
    ['SLUICE_BENCH_BACKLOG'],
    'writes waiting when the writers start, with --workload backlog',
    { from: 1, to: 10_000_000, fallback: 100_000 },
  ),
  databases: setting<DatabaseChoice>({
    flags: '--databases <auto|fresh|shared>',
    variables: ['SLUICE_BENCH_DATABASES'],
    description:
      'a fresh copy of the prefilled database for each measurement, or one shared by all; auto shares from a million documents',
    form: `one of ${databaseChoices.join(', ')}`,
    schema: z.enum(databaseChoices),
    fallback: 'auto',
  }),
  flushDelay: setting<number>({
    flags: '--flush-delay <ms>',
    variables: ['SLUICE_BENCH_FLUSH_DELAY'],
    description: 'a slow disk: each commit of the embedded server takes so much longer, e.g. 2ms',
    form: 'milliseconds such as 2ms',
    schema: milliseconds,
  }),
  postgres: setting<Record<string, string>>({
    flags: '--postgres <settings>',
    variables: ['SLUICE_BENCH_POSTGRES'],
    description: 'of the embedded server, e.g. shared_buffers=1GB,wal_compression=pglz',
    form: 'name=value, with commas between them',
    schema: z
      .string()
      .transform((text) => text.split(',').map((part) => part.split('=')))
      .pipe(z.array(z.tuple([z.string().regex(/^[a-z_][a-z_0-9.]*$/), z.string().min(1)])))
      .transform((pairs) => Object.fromEntries(pairs)),
  }),
  rtt: setting<number>({
    flags: '--rtt <ms>',
    variables: ['SLUICE_BENCH_RTT'],
    description: 'distance: each round trip to the server takes so much longer, e.g. 1ms',
    form: 'milliseconds such as 1ms',
    schema: milliseconds,
  }),
  databaseUrl: {
    ...databaseUrl,
    variables: ['SLUICE_BENCH_DATABASE_URL'],
    description: 'a server to make databases on; left out, an embedded one is started',
  },
  dataDir: pathSetting(
    '--data-dir <folder>',
    'SLUICE_BENCH_DATA_DIR',
    'of the embedded server; left out, a temporary one',
  ),
  code: setting<'auto' | 'built' | 'source'>({
    flags: '--code <auto|built|source>',
    variables: ['SLUICE_BENCH_CODE'],
    description: 'what the measured processes run; auto takes the build if it is not older than the sources',
    form: 'one of auto, built, source',
    schema: z.enum(['auto', 'built', 'source']),
    fallback: 'auto',
  }),
  profile: pathSetting(
    '--profile <folder>',
    'SLUICE_BENCH_PROFILE',
    'takes CPU profiles and statement times into this folder; such figures are not for comparison',
  ),
  report: pathSetting(
    '--report <file>',
    'SLUICE_BENCH_REPORT',
    'writes a page with plots, and its raw data beside it',
  ),
};

type BenchValues = Values<typeof settings>;

/** The folder of this program's checkout. */
const checkout = fileURLToPath(new URL('../../../../', import.meta.url));

export const benchCommand = () =>
  createCommand({
    name: 'bench',
    summary: 'measure this against other ways to write',
    description:
      'Measures contenders on one machine, one PostgreSQL, the same documents: in rounds, each of all contenders in ' +
      'turn, each measurement on a fresh copy of one prefilled database. Says medians with their spread, and ratios ' +
      'within the rounds. With --workload open-loop it measures deployments instead: --rate, --writers, --nodes and ' +
      '--lanes may then all have several values. docs/performance.md tells what the figures mean.',
    readsConfigFile: false,
    settings,
    async run(values, flags) {
      const isJson = flags['json'] === true;
      if (values.workload === 'open-loop') return runOpenLoop(values, isJson);
      const [{ bench, measurementLine, reportLines, reportPage }, { makeFolder }] = await Promise.all([
        import('@sluice/bench'),
        import('@sluice/embedded'),
      ]);
      const progress = new ProgressLine();
      const { signal } = awaitStopRequest();
      // What cannot be written is told before anything is measured.
      if (values.report !== undefined) await writeFile(values.report, '', { flag: 'a' });
      if (values.profile !== undefined) await makeFolder(values.profile);
      const districtFolder = await mkdtemp(join(tmpdir(), 'sluice-bench-district-'));
      try {
        const report = await bench({
          ...values,
          contenders: values.contenders.flatMap((name) =>
            name === 'peers' ? [...peerNames] : [name as ContenderName],
          ),
          warmupSeconds: values.warmup,
          flushDelayMs: values.flushDelay ?? 0,
          postgres: values.postgres ?? {},
          rttMs: values.rtt ?? 0,
          databaseUrl: values.databaseUrl ?? null,
          dataDir: values.dataDir ?? null,
          profileFolder: values.profile ?? null,
          district:
            values.workload === 'district'
              ? await writeDistrict(districtFolder, values.seed, values.students)
              : null,
          signal,
          onProgress: (sentence) => progress.show(() => sentence),
          onMeasurement(measurement) {
            progress.clear();
            if (process.stderr.isTTY) complain(measurementLine(measurement));
          },
        });
        progress.clear();
        if (values.report !== undefined) {
          await writeFile(values.report, reportPage([report]));
          await writeFile(
            `${values.report.replace(/\.html?$/, '')}.json`,
            `${JSON.stringify(report, null, 1)}\n`,
          );
        }
        if (isJson) printJson(report);
        else for (const line of reportLines(report)) printLine(line);
      } catch (error) {
        if (!signal.aborted) throw error;
        process.exitCode = 130;
      } finally {
        progress.clear();
        await rm(districtFolder, { recursive: true, force: true });
      }
    },
  });

/** Deployments of this build, and of others beside it. */
async function runOpenLoop(values: BenchValues, isJson: boolean): Promise<void> {
  if (values.report !== undefined) {
    throw new SluiceError(
      'configuration_invalid',
      'Cannot use --report with --workload open-loop: its result is a table, or with --json all of its figures',
    );
  }
  if (values.profile !== undefined) {
    const { makeFolder } = await import('@sluice/embedded');
    await makeFolder(values.profile);
  }
  const { openLoop, openLoopLine, openLoopLines } = await import('@sluice/bench');
  const progress = new ProgressLine();
  const { signal } = awaitStopRequest();
  try {
    const report = await openLoop({
      ...values,
      builds: values.build,
      prefill: values.prefill[0] ?? 0,
      warmupSeconds: values.warmup,
      flushDelayMs: values.flushDelay ?? 0,
      postgres: values.postgres ?? {},
      databaseUrl: values.databaseUrl ?? null,
      dataDir: values.dataDir ?? null,
      profileFolder: values.profile ?? null,
      checkout,
      signal,
      onProgress: (sentence) => progress.show(() => sentence),
      onMeasurement(measurement) {
        progress.clear();
        if (process.stderr.isTTY) complain(openLoopLine(measurement));
      },
    });
    progress.clear();
    if (isJson) printJson(report);
    else for (const line of openLoopLines(report)) printLine(line);
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    progress.clear();
  }
}

/** The district as a file: the processes of a measurement read it. */
async function writeDistrict(
  folder: string,
  seed: number,
  students: number,
): Promise<{ modelFiles: string[]; file: string }> {
  const { sampleLines } = await import('../dev/sample-lines.ts');
  const { sampleModelFile } = await import('../sample/district.ts');
  const file = join(folder, 'district.ndjson');
  const lines: string[] = [];
  for (const { endpoint, body } of sampleLines(seed, students))
    lines.push(`{"endpoint":"${endpoint}","document":${body}}`);
  await writeFile(file, lines.join('\n'));
  return { modelFiles: [sampleModelFile], file };
}
