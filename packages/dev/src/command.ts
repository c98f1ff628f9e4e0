import { SluiceError } from 'sluice/internal/protocol';
import * as z from 'zod';
import {
  readModelFiles,
  setting,
  numberSetting,
  concurrency,
  host,
  lanes,
  mode,
  notifications,
  optionalModelFiles,
  pollIntervalMs,
  port,
  seed,
  sessions,
  waitForReferences,
  createCommand,
  databaseSettings,
  addShuffle,
  readsShuffle,
} from '@sluice/server/cli';

const pathSetting = (flags: string, variable: string, description: string) =>
  setting<string | undefined>({
    flags,
    variables: [variable],
    description,
    form: 'a path',
    path: 'always',
    schema: z.string().min(1),
  });

const settings = {
  dataDir: setting<string>({
    flags: '--data-dir <folder>',
    variables: ['SLUICE_DATA_DIR'],
    description: 'folder of the database, which stays between starts',
    form: 'a path',
    path: 'always',
    schema: z.string().min(1),
    fallback: '.sluice/dev',
  }),
  schema: databaseSettings.schema,
  model: optionalModelFiles,
  load: pathSetting(
    '--load <folder|file>',
    'SLUICE_LOAD',
    'NDJSON to load instead of the generated district; needs --model',
  ),
  port: { ...port, description: 'port of the first node; the others use the next ports; 0: free ports' },
  host,
  auth: setting<'none' | 'keys' | undefined>({
    flags: '--auth <way>',
    variables: ['SLUICE_AUTH'],
    description:
      'keys: the nodes require API keys, and the command makes and shows one with all scopes; none: no authentication; required ' +
      'for a host that accepts connections from other machines',
    form: 'none or keys',
    schema: z.enum(['none', 'keys']),
  }),
  nodes: numberSetting('--nodes <number>', ['SLUICE_DEV_NODES'], 'API nodes', {
    from: 1,
    to: 16,
    fallback: 2,
  }),
  writers: numberSetting(
    '--writers <number>',
    ['SLUICE_DEV_WRITERS'],
    'number of writers; only coordinated mode has writers',
    {
      from: 1,
      to: 16,
      fallback: 2,
    },
  ),
  mode,
  lanes,
  sessions,
  notifications,
  pollIntervalMs,
  concurrency,
  waitForReferences,
  seed: { ...seed, description: 'seed of the generated district and of the random order' },
  students: numberSetting(
    '--students <number>',
    ['SLUICE_STUDENTS'],
    'number of students of the generated district',
    {
      from: 1,
      to: 1_000_000,
      fallback: 600,
    },
  ),
};

export const devCommand = () =>
  createCommand({
    name: 'dev',
    summary: 'run everything on this machine',
    description:
      'Runs a whole deployment on this machine: an embedded PostgreSQL, API nodes and writers, each in its own ' +
      'process. Loads a generated school district, or given NDJSON, through all nodes, measures the rate, also in direct ' +
      'mode, and keeps running. Ctrl-C stops everything, and so does the end of the parent process.\n\n' +
      'It reads the settings below from the configuration file. Its processes get only these, because ' +
      'the command has its own database, roles and connections.',
    settings,
    extend(command) {
      addShuffle(command)
        .option('--once', 'stop after the load; the exit code is 0 only if every document was accepted')
        .option('--no-load', 'load nothing')
        .option('--no-compare', 'do not load again in direct mode for comparison')
        .option('--compare', 'load again in direct mode for comparison (default)');
    },
    async run(values, flags) {
      const isLoading = flags['load'] !== false;
      const waitForReferencesSeconds = values.waitForReferences ?? null;
      const isShuffled = readsShuffle(flags, waitForReferencesSeconds);
      if (waitForReferencesSeconds !== null && values.mode !== 'coordinated') {
        throw new SluiceError(
          'configuration_invalid',
          `Cannot start: --wait-for-references needs the coordinated mode: ${values.mode}`,
        );
      }
      if (values.load !== undefined && values.model === undefined) {
        throw new SluiceError('configuration_invalid', `Cannot start: --load needs --model: ${values.load}`);
      }
      const [{ assertGuarded }, { dev }, { findLoadFiles }, { sampleModelFile }] = await Promise.all([
        import('@sluice/server/api'),
        import('./dev/dev.ts'),
        import('@sluice/server/cli'),
        import('./sample/district.ts'),
      ]);
      assertGuarded(values.host, values.auth === undefined);
      const modelFiles = values.model ?? [sampleModelFile];
      const model = await readModelFiles(modelFiles);
      const files = values.load === undefined ? null : await findLoadFiles([values.load]);
      const generated = values.model === undefined ? { seed: values.seed, students: values.students } : null;
      process.exitCode = await dev({
        ...values,
        model,
        modelFiles,
        writers: values.mode === 'coordinated' ? values.writers : 0,
        source: isLoading ? (files === null ? generated : { files }) : null,
        waitForReferencesSeconds,
        shuffleSeed: isShuffled ? values.seed : null,
        compares: flags['compare'] !== false,
        isOnce: flags['once'] === true,
        isJson: flags['json'] === true,
      });
    },
  });
