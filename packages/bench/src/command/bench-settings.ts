/** The settings of `sluice bench`. */
import { patternNames, type Pattern } from '../deployments/arrivals.ts';
import type { Rate } from '../deployments/run.ts';
import {
  contenderNames,
  deployedContenders,
  peerNames,
  workloadNames,
  type ContenderName,
  type DeployedContender,
  type WorkloadName,
} from '../names.ts';
import { defaults } from 'sluice/internal/protocol';
import * as z from 'zod';
import {
  setting,
  type Values,
  listOf,
  numberSetting,
  pathSetting,
  wholeNumber,
  lanes,
  optionalModelFiles,
} from '@sluice/server/cli';
import { benchServerSettings } from './bench-server-settings.ts';

const contenderChoices = [...contenderNames, ...peerNames, 'peers'] as const;

/** The default contenders, except for deployments. */
export const usualContenders: ContenderName[] = ['seed-direct', 'one-statement', 'coordinated', 'ceiling'];

/** The same for workloads of rows. */
export function usualRowContenders(workload: WorkloadName): ContenderName[] {
  if (workload === 'table-http') return ['http-per-request', 'coordinated'];
  return workload === 'table'
    ? ['one-statement', 'coordinated', 'ceiling']
    : ['one-statement', 'coordinated'];
}

const writesPerSecond = wholeNumber(1, 100_000).transform((perSecond): Rate => ({ perSecond }));

const percentage = z
  .string()
  .regex(/^([1-9]\d?|100)%$/)
  .transform((text): Rate => ({ percent: Number.parseInt(text, 10) }));

const duplicates = z
  .string()
  .regex(/^([1-8]?\d|90)%$/)
  .transform((text) => Number.parseInt(text, 10));

/**
 * Several values, measured one after another: only one of the settings may have them, which is the axis of the run.
 */
const numbersSetting = (
  flags: string,
  variables: readonly string[],
  description: string,
  { from, to, fallback }: { from: number; to: number; fallback?: number[] },
) =>
  setting<number[]>({
    flags,
    variables,
    description: `${description}; several, separated by commas, are compared`,
    form: `whole numbers from ${from} to ${to}, separated by commas`,
    schema: listOf(wholeNumber(from, to)),
    ...(fallback === undefined ? {} : { fallback }),
  });

export const benchSettings = {
  workload: setting<WorkloadName>({
    flags: '--workload <name>',
    variables: ['SLUICE_BENCH_WORKLOAD'],
    description: workloadNames.join(', '),
    form: `one of ${workloadNames.join(', ')}`,
    schema: z.enum(workloadNames),
    fallback: 'insert',
  }),
  clients: setting<number[] | undefined>({
    ...numbersSetting('--clients <numbers>', ['SLUICE_BENCH_CLIENTS'], 'waiting clients', {
      from: 1,
      to: 10_000,
    }),
    defaultText: '512, with --workload edfi 64,256',
  }),
  contenders: setting<(typeof contenderChoices)[number][] | undefined>({
    flags: '--contenders <names>',
    variables: ['SLUICE_BENCH_CONTENDERS'],
    description: `${contenderChoices.join(', ')}, separated by commas`,
    defaultText: `${usualContenders.join(',')}, with --workload open-loop or edfi ${deployedContenders.join(',')}, with rows those of them that take part`,
    form: `a list of ${contenderChoices.join(', ')}`,
    schema: listOf(z.enum(contenderChoices)),
  }),
  rounds: numberSetting(
    '--rounds <number>',
    ['SLUICE_BENCH_ROUNDS'],
    'number of rounds; each measures all contenders',
    {
      from: 1,
      to: 100,
      fallback: 3,
    },
  ),
  seconds: numberSetting(
    '--seconds <number>',
    ['SLUICE_BENCH_SECONDS'],
    'length of one measurement; with --workload edfi it ends with the documents',
    {
      from: 1,
      to: 3600,
      fallback: 5,
    },
  ),
  warmup: numberSetting(
    '--warmup <seconds>',
    ['SLUICE_BENCH_WARMUP'],
    'warm-up before each measurement; with --workload edfi it sends all documents until this time is over',
    {
      from: 0,
      to: 600,
      fallback: 3,
    },
  ),
  prefill: numbersSetting(
    '--prefill <numbers>',
    ['SLUICE_BENCH_PREFILL'],
    'documents stored and analysed before each measurement',
    { from: 0, to: 100_000_000, fallback: [20_000] },
  ),
  seed: numberSetting('--seed <number>', ['SLUICE_SEED'], 'seed of the generated documents', {
    from: 0,
    to: 1_000_000,
    fallback: 1,
  }),
  students: setting<number | undefined>({
    flags: '--students <number>',
    variables: ['SLUICE_STUDENTS'],
    description: 'students of the generated district',
    defaultText: '6000, with --workload edfi 2000',
    form: 'a whole number from 1 to 1000000',
    schema: wholeNumber(1, 1_000_000),
  }),
  documents: pathSetting(
    '--documents <path>',
    'SLUICE_BENCH_DOCUMENTS',
    'NDJSON file, or folder of them, instead of the generated district, with --workload edfi; needs --model',
  ),
  modelFiles: { ...optionalModelFiles, description: 'the model of --documents; repeat it for extensions' },
  lanes: numbersSetting('--lanes <numbers>', lanes.variables ?? [], lanes.description, {
    from: 1,
    to: 1024,
    fallback: [defaults.lanes],
  }),
  rate: setting<Rate[]>({
    flags: '--rate <numbers>',
    variables: ['SLUICE_BENCH_RATE'],
    description:
      'writes that arrive in a second, or shares of what --rate-of can take, such as 25%,50%,75%, with --workload open-loop, and of what one-statement can take with table-open-loop; several, separated by commas, are compared',
    form: 'whole numbers from 1 to 100000, or percentages from 1% to 100%, separated by commas',
    schema: listOf(z.union([percentage, writesPerSecond])),
    fallback: [{ perSecond: 100 }],
    defaultText: '100',
  }),
  pattern: setting<Pattern>({
    flags: '--pattern <name>',
    variables: ['SLUICE_BENCH_PATTERN'],
    description: `how the rate changes around --rate, with --workload open-loop: ${patternNames.join(', ')}`,
    form: `one of ${patternNames.join(', ')}`,
    schema: z.enum(patternNames),
    fallback: 'steady',
  }),
  rateOf: setting<DeployedContender>({
    flags: '--rate-of <contender>',
    variables: ['SLUICE_BENCH_RATE_OF'],
    description: `contender whose capacity the percentages of --rate refer to: ${deployedContenders.join(', ')}`,
    form: `one of ${deployedContenders.join(', ')}`,
    schema: z.enum(deployedContenders),
    fallback: 'direct',
  }),
  build: setting<string[]>({
    flags: '--build <folders>',
    variables: ['SLUICE_BENCH_BUILD'],
    description:
      'other built checkouts to compare with this one, separated by commas, with --workload open-loop or edfi',
    form: 'folders, separated by commas',
    schema: listOf(z.string().min(1)),
    fallback: [],
  }),
  nodes: numbersSetting(
    '--nodes <numbers>',
    ['SLUICE_BENCH_NODES'],
    'processes that the clients are divided over; with --workload http, table-http, open-loop or edfi, API nodes',
    { from: 1, to: 64, fallback: [1] },
  ),
  writers: numbersSetting(
    '--writers <numbers>',
    ['SLUICE_BENCH_WRITERS'],
    'writer processes of coordinated',
    {
      from: 1,
      to: 64,
      fallback: [1],
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
    { from: 1, to: 10_000, fallback: [defaults.batchWritesMax] },
  ),
  poolMax: numbersSetting(
    '--pool-max <numbers>',
    ['SLUICE_BENCH_POOL_MAX'],
    'connections of seed-direct, one-statement, direct and peers',
    { from: 1, to: 250, fallback: [32] },
  ),
  backlog: numbersSetting(
    '--backlog <numbers>',
    ['SLUICE_BENCH_BACKLOG'],
    'writes waiting when the writers start, with --workload backlog',
    { from: 1, to: 10_000_000, fallback: [100_000] },
  ),
  duplicates: setting<number[]>({
    flags: '--duplicates <percentages>',
    variables: ['SLUICE_BENCH_DUPLICATES'],
    description:
      'of the rows, so many have the key of a stored one, with --workload table and its forms; several, such as 0%,30%, are compared',
    form: 'whole percentages from 0% to 90%, with commas between them',
    schema: listOf(duplicates),
    fallback: [0],
    defaultText: '0%',
  }),
  ...benchServerSettings,
};

export type BenchValues = Values<typeof benchSettings>;
