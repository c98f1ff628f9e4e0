/** The settings of `sluice bench` for the server and its databases, the measured code, and where results go. */
import { databaseUrl, pathSetting, setting } from '@sluice/server/cli';
import * as z from 'zod';
import { databaseChoices, type DatabaseChoice } from '../bench-options.ts';

const milliseconds = z
  .string()
  .regex(/^\d{1,4}(\.\d{1,3})?ms$/)
  .transform((text) => Number.parseFloat(text));

export const benchServerSettings = {
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
    description: 'simulate a slow disk: time added to each commit of the embedded server, e.g. 2ms',
    form: 'milliseconds such as 2ms',
    schema: milliseconds,
  }),
  postgres: setting<Record<string, string>>({
    flags: '--postgres <settings>',
    variables: ['SLUICE_BENCH_POSTGRES'],
    description: 'of the embedded server, e.g. shared_buffers=1GB,wal_compression=pglz',
    form: 'name=value, separated by commas',
    schema: z
      .string()
      .transform((text) => text.split(',').map((part) => part.split('=')))
      .pipe(z.array(z.tuple([z.string().regex(/^[a-z_][a-z_0-9.]*$/), z.string().min(1)])))
      .transform((pairs) => Object.fromEntries(pairs)),
  }),
  rtt: setting<number>({
    flags: '--rtt <ms>',
    variables: ['SLUICE_BENCH_RTT'],
    description: 'simulate distance: time added to each round trip to the server, e.g. 1ms',
    form: 'milliseconds such as 1ms',
    schema: milliseconds,
  }),
  databaseUrl: {
    ...databaseUrl,
    variables: ['SLUICE_BENCH_DATABASE_URL'],
    description: 'server for the temporary databases',
    defaultText: 'an embedded one',
  },
  dataDir: {
    ...pathSetting('--data-dir <folder>', 'SLUICE_BENCH_DATA_DIR', 'data folder of the embedded server'),
    defaultText: 'a temporary one',
  },
  code: setting<'auto' | 'built' | 'source'>({
    flags: '--code <auto|built|source>',
    variables: ['SLUICE_BENCH_CODE'],
    description: 'code that the measured processes run; auto: the build, unless the sources are newer',
    form: 'one of auto, built, source',
    schema: z.enum(['auto', 'built', 'source']),
    fallback: 'auto',
  }),
  profile: pathSetting(
    '--profile <folder>',
    'SLUICE_BENCH_PROFILE',
    'write CPU profiles and statement times into this folder; profiling slows the processes. The JSON of open-loop then has each arrival',
  ),
  report: pathSetting(
    '--report <file>',
    'SLUICE_BENCH_REPORT',
    'write a page with plots, and its raw data beside it',
  ),
  gathering: pathSetting(
    '--gathering <file>',
    'SLUICE_BENCH_GATHERING',
    'measure nothing: write a page with plots of a simulation that batches recorded and seeded arrivals',
  ),
};
