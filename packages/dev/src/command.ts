import { SluiceError } from 'sluice/internal/protocol';
import type { ExistingDatabase } from './dev/existing-database.ts';
import { removal } from './dev/removal.ts';
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
  listOf,
  pathSetting,
  requireDatabaseUrl,
  wholeNumber,
  type Values,
  addShuffle,
  readsShuffle,
} from '@sluice/server/cli';

const processes = (flags: string, variable: string, description: string) =>
  setting<number | undefined>({
    flags,
    variables: [variable],
    description,
    defaultText: '2, with --table 1',
    form: 'a whole number from 1 to 16',
    schema: wholeNumber(1, 16),
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
  table: setting<string[] | undefined>({
    flags: '--table <name>',
    variables: [],
    description:
      'table of a database of yours, e.g. public.orders; repeat it for others; then nothing is embedded and nothing loaded: a ' +
      'node and a writer run on that database, to which a schema is added',
    form: 'the name of a table',
    schema: listOf(z.string().min(1)),
    isList: true,
  }),
  databaseUrl: {
    ...databaseSettings.databaseUrl,
    description: `with --table: ${databaseSettings.databaseUrl.description}`,
  },
  databaseCa: databaseSettings.databaseCa,
  databaseCert: databaseSettings.databaseCert,
  databaseKey: databaseSettings.databaseKey,
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
    defaultText: 'none, if the host is this machine',
    form: 'none or keys',
    schema: z.enum(['none', 'keys']),
  }),
  nodes: processes('--nodes <number>', 'SLUICE_DEV_NODES', 'API nodes'),
  writers: processes(
    '--writers <number>',
    'SLUICE_DEV_WRITERS',
    'number of writers; only coordinated mode has writers',
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
      'With --table it runs on your own database instead, where it adds the schema of Sluice and changes nothing else: ' +
      '`sluice dev --database-url postgres://me@localhost/shop --table public.orders`. `sluice uninstall` removes the schema.\n\n' +
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
    run: runDev,
  });

async function runDev(
  values: Values<typeof settings>,
  flags: Readonly<Record<string, unknown>>,
): Promise<void> {
  const existing = existingOf(values, flags);
  const waitForReferencesSeconds = values.waitForReferences ?? null;
  const isShuffled = readsShuffle(flags, waitForReferencesSeconds);
  assertTogether(values, flags, existing);
  const [{ assertGuarded }, { dev }, { findLoadFiles }, { sampleModelFile }] = await Promise.all([
    import('@sluice/server/api'),
    import('./dev/dev.ts'),
    import('@sluice/server/cli'),
    import('./sample/district.ts'),
  ]);
  assertGuarded(values.host, values.auth === undefined);
  const modelFiles = values.model ?? (existing === null ? [sampleModelFile] : []);
  const model = await readModelFiles(modelFiles.length === 0 ? undefined : modelFiles);
  const { nodes = existing === null ? 2 : 1, writers = existing === null ? 2 : 1 } = values;
  const files = values.load === undefined ? null : await findLoadFiles([values.load]);
  const generated = values.model === undefined ? { seed: values.seed, students: values.students } : null;
  const isLoading = flags['load'] !== false && existing === null;
  process.exitCode = await dev({
    ...values,
    model,
    modelFiles,
    existing,
    nodes,
    writers: values.mode === 'coordinated' ? writers : 0,
    source: isLoading ? (files === null ? generated : { files }) : null,
    waitForReferencesSeconds,
    shuffleSeed: isShuffled ? values.seed : null,
    compares: flags['compare'] !== false,
    isOnce: flags['once'] === true,
    isJson: flags['json'] === true,
  });
}

/** @throws {SluiceError} `configuration_invalid` for settings that do not go together */
function assertTogether(
  { load, model, mode, waitForReferences }: Values<typeof settings>,
  flags: Readonly<Record<string, unknown>>,
  existing: ExistingDatabase | null,
): void {
  const assert = (isSound: boolean, reason: string): void => {
    if (!isSound) throw new SluiceError('configuration_invalid', `Cannot start: ${reason}`);
  };
  // By the flag alone, because many users have a DATABASE_URL of another program.
  assert(existing !== null || flags['databaseUrl'] === undefined, '--database-url needs --table');
  assert(
    existing === null || (load === undefined && flags['once'] !== true),
    '--table goes without --load and --once',
  );
  assert(
    waitForReferences === undefined || mode === 'coordinated',
    `--wait-for-references needs the coordinated mode: ${mode}`,
  );
  assert(load === undefined || model !== undefined, `--load needs --model: ${load}`);
}

/** Null: no table is named. @throws {SluiceError} `configuration_invalid` for a database without a table */
function existingOf(
  values: Values<typeof settings>,
  flags: Readonly<Record<string, unknown>>,
): ExistingDatabase | null {
  if (values.table === undefined) return null;
  return { url: requireDatabaseUrl(values), tables: values.table, removal: removal(values, flags) };
}
