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
    description: 'keeps the database from start to start',
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
    'NDJSON to load in place of the generated district; needs --model',
  ),
  port: { ...port, description: 'port of the first node, the others take the next ones; 0 takes free ones' },
  host,
  auth: setting<'none' | 'keys' | undefined>({
    flags: '--auth <way>',
    variables: ['SLUICE_AUTH'],
    description:
      'keys: the nodes ask for API keys, and one that may do everything is made and told; none: they ask nobody; must be ' +
      'said for a host that lets other machines in',
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
    'writers; only coordinated mode has any',
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
  seed: { ...seed, description: 'which district is generated, and which random order' },
  students: numberSetting('--students <number>', ['SLUICE_STUDENTS'], 'students of the generated district', {
    from: 1,
    to: 1_000_000,
    fallback: 600,
  }),
};

export const devCommand = () =>
  createCommand({
    name: 'dev',
    summary: 'run everything on this machine',
    description:
      'Runs a whole deployment on this machine: an embedded PostgreSQL, API nodes and writers, each a process of its ' +
      'own. Loads a generated school district, or given NDJSON, through all nodes, says how fast that went, in direct ' +
      'mode as well, and stays up. Ctrl-C stops everything, and so does the end of the process that started it.\n\n' +
      'From the configuration file it takes the settings below. Its processes get these and nothing else of the file, because ' +
      'the database, its roles and its connections are its own.',
    settings,
    extend(command) {
      addShuffle(command)
        .option('--once', 'end after the load; the exit code is 0 only if every document was accepted')
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
          `Cannot start as --wait-for-references needs the coordinated mode: ${values.mode}`,
        );
      }
      if (values.load !== undefined && values.model === undefined) {
        throw new SluiceError(
          'configuration_invalid',
          `Cannot start as --load needs --model: ${values.load}`,
        );
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
