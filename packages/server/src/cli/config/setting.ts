/**
 * Settings come from flags, else from the environment, else from the configuration file, else from their default.
 * They are checked once, before anything starts. A wrong one is reported by the name under which it was given, with
 * its form. The name of a setting is its key in the file.
 */
import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { SluiceError } from 'sluice/internal/protocol';
import type * as z from 'zod';
import { assertNoPassword } from './assert-no-password.ts';
import { textIn, type ConfigFile } from './config-file.ts';

export interface Setting<T> {
  /** In the form of commander: `--lanes <number>`. None for a secret, because others can read the arguments of a process. */
  flags?: string;
  /** Environment variables; the first one that is set counts. */
  variables?: readonly string[];
  description: string;
  /** The end of the sentence "… is not": `a whole number from 1 to 1024`. */
  form: string;
  schema: z.ZodType<T>;
  /** If missing, the setting is `undefined`, or must be given if it is required. */
  fallback?: T;
  /** The default in the help, if it is not the text of {@link fallback}. */
  defaultText?: string;
  /** The text of a value that needs a unit. @default {@link textOf} */
  toText?: (value: unknown) => string;
  isRequired?: boolean;
  /** The flag may be repeated, and the variable has several values between commas. */
  isList?: boolean;
  /** In the configuration file, the value is not a text: the schema takes it unchanged. */
  isStructured?: boolean;
  /** The value is never shown. */
  isSecret?: boolean;
  /** A URL that may contain a password, which is then not taken from the arguments, because others on the machine can read them. */
  holdsPassword?: boolean;
  /** Flag for a file with the value, e.g. a secret of a container. Its variable is the first variable and `_FILE`. */
  file?: string;
  /** For settings of the configuration file only, because they are rarely changed: the cost of a change. */
  cost?: string;
  /** In the configuration file, relative to its folder; `dotted`: only if it starts with a dot. URLs stay unchanged. */
  path?: 'always' | 'dotted';
}

export type Settings = Record<string, Setting<unknown>>;
export type Values<S extends Settings> = { [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** Keeps the type; a plain literal would lose it. */
export function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

/** Adds the flags to the command, each with its variables and default in the help. */
export function addSettings(command: Command, settings: Settings): Command {
  for (const definition of Object.values(settings)) {
    const { flags, variables = [], description, isRequired, isList, file } = definition;
    const fileVariable = fileVariableOf(definition);
    const defaultText = defaultTextOf(definition);
    const facts = (names: readonly string[]): string =>
      [
        ...(names.length > 0 ? [`env: ${names.join(', ')}`] : []),
        ...(defaultText === undefined ? [] : [`default: ${defaultText}`]),
        ...(isRequired === true ? ['required'] : []),
      ].join('; ');
    const described = (names: readonly string[]): string =>
      facts(names) === '' ? description : `${description} (${facts(names)})`;
    if (flags === undefined) {
      // For the configuration file, or a secret in a file.
      if (file !== undefined) command.option(file, described([fileVariable!, ...variables]));
      continue;
    }
    const option = new Option(flags, described(variables));
    if (isList === true) {
      option.argParser((value, previous: string | undefined) =>
        previous === undefined ? value : `${previous},${value}`,
      );
    }
    command.addOption(option);
    if (file !== undefined) command.option(file, `file with the value (env: ${fileVariable})`);
  }
  return command;
}

/** Whether the configuration file may have it. A setting of a single call has a flag and no variable. */
export function isInFile({ variables = [], file, cost }: Setting<unknown>): boolean {
  return variables.length > 0 || file !== undefined || cost !== undefined;
}

/** The sources of settings, besides their defaults. */
export interface Sources {
  flags: Readonly<Record<string, unknown>>;
  environment: NodeJS.ProcessEnv;
  config: ConfigFile | null;
}

/** @throws {SluiceError} `configuration_invalid` */
export function readSettings<S extends Settings>(
  settings: S,
  flags: Sources['flags'],
  environment: NodeJS.ProcessEnv = process.env,
  config: ConfigFile | null = null,
): Values<S> {
  const values = Object.entries(settings).map(([name, definition]) => {
    const given = findGiven(name, definition, { flags, environment, config });
    if (given.text === undefined && definition.isRequired === true) throw missing(definition);
    return [name, valueOf(definition, given)];
  });
  return Object.fromEntries(values) as Values<S>;
}

function missing({ flags, variables = [], form }: Setting<unknown>): SluiceError {
  const names = [longOf(flags), ...variables].filter(Boolean).join(' or ');
  return new SluiceError('configuration_invalid', `Cannot start: ${names} is missing: ${form}`);
}

/** @throws {SluiceError} `configuration_invalid` */
export function valueOf(definition: Setting<unknown>, { source, text, structure }: Given): unknown {
  if (text === undefined && structure === undefined) return definition.fallback;
  const parsed = definition.schema.safeParse(text ?? structure);
  if (parsed.success) return parsed.data;
  const shown = definition.isSecret === true || text === undefined ? '' : `: '${text}'`;
  // A check with more knowledge reports the fault, without the value.
  const [issue] = parsed.error.issues;
  if (issue?.code === 'custom' && issue.message.startsWith('Cannot ')) {
    throw new SluiceError('configuration_invalid', `${issue.message} (${source})`, {
      detail: { setting: source },
    });
  }
  throw new SluiceError(
    'configuration_invalid',
    `Cannot start: ${source} is not ${definition.form}${shown}`,
    {
      detail: { setting: source },
    },
  );
}

export interface Given {
  /** The name under which it was given. */
  source: string;
  kind: 'flag' | 'environment' | 'file' | 'default';
  /** Undefined: not given, or the configuration file has a {@link structure}. */
  text: string | undefined;
  structure?: unknown;
}

/** Flags come before variables, variables before the configuration file, and a value before a file that contains it. */
export function findGiven(
  name: string,
  definition: Setting<unknown>,
  { flags: flagValues, environment, config }: Sources,
): Given {
  const { flags, variables = [], file, holdsPassword = false } = definition;
  const ofFlag = (name: string | undefined): string | undefined => {
    // A flag `--no-load` beside `--load <path>` is a boolean of its own.
    const value = name === undefined ? undefined : flagValues[new Option(name).attributeName()];
    return typeof value === 'string' ? value : undefined;
  };
  const isSet = (name: string): boolean => (environment[name] ?? '') !== '';
  const value = ofFlag(flags);
  if (value !== undefined) {
    if (holdsPassword) assertNoPassword(value, longOf(flags), [...variables, longOf(file)].join(' or '));
    return { source: longOf(flags), kind: 'flag', text: value };
  }
  const path = ofFlag(file);
  if (path !== undefined) return readGiven(longOf(file), 'flag', path);
  const variable = variables.find(isSet);
  if (variable !== undefined) return { source: variable, kind: 'environment', text: environment[variable] };
  const fileVariable = fileVariableOf(definition);
  if (fileVariable !== undefined && isSet(fileVariable)) {
    return readGiven(fileVariable, 'environment', environment[fileVariable]!);
  }
  if (definition.cost !== undefined && isSet(variableOf(name))) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot start: ${variableOf(name)} is set, but ${name} belongs in the configuration file`,
      { detail: { setting: variableOf(name) } },
    );
  }
  return findInFile(name, definition, config);
}

/** The variable for a file with the value: `DATABASE_URL_FILE`. */
export function fileVariableOf({ file, variables = [] }: Setting<unknown>): string | undefined {
  return file === undefined ? undefined : `${variables[0]}_FILE`;
}

/** The key for the file of a secret in the configuration file: `databaseUrlFile`. */
export function secretFileKeyOf({ file }: Setting<unknown>): string | undefined {
  return file === undefined ? undefined : new Option(file).attributeName();
}

/** `waitMs` becomes `SLUICE_WAIT_MS`. */
export function variableOf(name: string): string {
  return `SLUICE_${name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
}

function findInFile(name: string, definition: Setting<unknown>, config: ConfigFile | null): Given {
  const nothing = { source: 'default', kind: 'default', text: undefined } as const;
  if (config === null || !isInFile(definition)) return nothing;
  if (definition.isStructured === true && Object.hasOwn(config.values, name)) {
    const structure = config.values[name];
    return { source: `${name} in ${config.path}`, kind: 'file', text: undefined, structure };
  }
  const text = textIn(config, name, definition);
  if (text !== undefined) return { source: `${name} in ${config.path}`, kind: 'file', text };
  const key = secretFileKeyOf(definition);
  const path =
    key === undefined ? undefined : textIn(config, key, { form: 'the path of a file', path: 'always' });
  return path === undefined ? nothing : readGiven(`${key} in ${config.path}`, 'file', path);
}

function readGiven(source: string, kind: Given['kind'], path: string): Given {
  try {
    return { source, kind, text: readFileSync(path, 'utf8').trim() };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'names no file' : `names a file that cannot be read (${code})`;
    throw new SluiceError('configuration_invalid', `Cannot start: ${source} ${reason}: ${path}`, { cause });
  }
}

function longOf(flags: string | undefined): string {
  return (flags === undefined ? undefined : new Option(flags).long) ?? '';
}

/** What the help and the reference show as the default. */
export function defaultTextOf({ fallback, defaultText }: Setting<unknown>): string | undefined {
  return defaultText ?? (fallback === undefined ? undefined : textOf(fallback));
}

export function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (Array.isArray(value)) return value.map(partText).join(',') || 'none';
  return String(value) || 'none';
}

function partText(part: unknown): string {
  return typeof part === 'string' ? part : JSON.stringify(part);
}
