/** The common parts of all commands: settings in the help, `--json`, and values that are checked before anything starts. */
import { Command } from 'commander';
import { assertKeys, isSection, readConfigFile, type ConfigFile } from '../config/config-file.ts';
import {
  addSettings,
  isInFile,
  readSettings,
  secretFileKeyOf,
  type Settings,
  type Values,
} from '../config/setting.ts';
import { configFile } from '../config/settings.ts';
import { assertNoChoice, assertStoresAlone } from '../stores/stores-alone.ts';

export interface CommandDefinition<S extends Settings> {
  name: string;
  summary: string;
  description: string;
  settings: S;
  /** False: the command does not read the configuration file. @default true */
  readsConfigFile?: boolean;
  /** The command serves all stores of `--stores` itself; other commands run in one store after the other. @default false */
  servesStores?: boolean;
  /** Stores in which `--all-stores` runs concurrently. @default 1 */
  storesAtOnce?: number;
  /** Adds arguments and plain flags. */
  extend?: (command: Command) => void;
  /** `flags` has the plain flags, `args` the arguments. */
  run: (
    values: Values<S>,
    flags: Readonly<Record<string, unknown>>,
    args: readonly string[],
  ) => Promise<void>;
}

const settingsByCommand = new WeakMap<Command, Settings>();

/** The settings of a command, by flag, variable or file. */
export function settingsOf(command: Command): Settings {
  return settingsByCommand.get(command) ?? {};
}

export function createCommand<S extends Settings>(definition: CommandDefinition<S>): Command {
  const { name, summary, description, settings, readsConfigFile = true, extend } = definition;
  const choosesStore = Object.hasOwn(settings, 'stores') && definition.servesStores !== true;
  const command = new Command(name).summary(summary).description(description);
  const all = readsConfigFile ? { ...settings, config: configFile } : settings;
  settingsByCommand.set(command, all);
  extend?.(command);
  addSettings(command, all);
  if (choosesStore) {
    command.option('--store <name>', 'use this store of the stores file');
    command.option('--all-stores', 'use every store of the stores file, and end with a summary');
  }
  command.option('--json', 'write JSON to standard output');
  command.action(async () => {
    const flags = command.opts<Record<string, unknown>>();
    const config = readsConfigFile ? await readConfigOf(command, flags) : null;
    const sources = { flags, environment: process.env, config };
    const values = readSettings(settings, flags, process.env, config);
    assertStoresAlone(settings, sources);
    if (choosesStore) await runChosen(definition, values, flags, command.args);
    else await definition.run(values, flags, command.args);
  });
  return command;
}

async function runChosen<S extends Settings>(
  { run, storesAtOnce = 1 }: CommandDefinition<S>,
  values: Values<S>,
  flags: Readonly<Record<string, unknown>>,
  args: readonly string[],
): Promise<void> {
  const choice = { store: flags['store'] as string | undefined, isAll: flags['allStores'] === true };
  if (values['stores'] === undefined) {
    assertNoChoice(choice);
    return run(values, flags, args);
  }
  // Loaded only for deployments with stores.
  const { assertChoice, runInStores } = await import('../stores/run-in-stores.ts');
  assertChoice(choice, flags);
  const isJson = flags['json'] === true;
  const work = (inIt: Values<S>): Promise<void> => run(inIt, flags, args);
  await runInStores<Values<S>>(values, { ...choice, isJson, atOnce: storesAtOnce }, work);
}

/** @throws {SluiceError} `configuration_invalid` */
export async function readConfigOf(
  command: Command,
  flags: Readonly<Record<string, unknown>>,
  section: string = sectionOf(command),
): Promise<ConfigFile | null> {
  const { config } = readSettings({ config: configFile }, flags);
  const file = await readConfigFile(config, section);
  if (file === null) return null;
  const own = keysOf([command]);
  const isKnown = Object.entries(file.whole).every(([key, value]) => !isSection(value) && own.has(key));
  // Other commands are loaded only if the file has keys that this command does not know.
  if (!isKnown) assertKeys(file, await keysOfAll());
  return file;
}

/** `sluice projections rebuild` reads the section `projections`. */
function sectionOf(command: Command): string {
  let outermost = command;
  while (outermost.parent?.parent) outermost = outermost.parent;
  return outermost.name();
}

async function keysOfAll(): Promise<Map<string, Set<string>>> {
  const { createProgram } = await import('../program.ts');
  const program = await createProgram();
  return new Map(program.commands.map((command) => [command.name(), keysOf([command, ...command.commands])]));
}

/** The keys of these commands that the file may have. */
function keysOf(commands: readonly Command[]): Set<string> {
  const readers = commands.map(settingsOf).filter((settings) => Object.hasOwn(settings, 'config'));
  const keys = readers.flatMap((settings) =>
    Object.entries(settings).flatMap(([name, definition]) =>
      isInFile(definition) && name !== 'config' ? [name, secretFileKeyOf(definition) ?? name] : [],
    ),
  );
  return new Set(keys);
}
