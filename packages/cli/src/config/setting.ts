/**
 * Settings come from flags, else from the environment, else from their default, and are checked once, before anything
 * starts. A wrong one is told by the name under which it was given and by the form it should have.
 */
import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { SluiceError } from '@sluice/protocol';
import type * as z from 'zod';

export interface Setting<T> {
  /** As commander takes them: `--lanes <number>`. None for a secret: others can read the arguments of a process. */
  flags?: string;
  /** Environment variables; the first one that is set counts. */
  variables?: readonly string[];
  description: string;
  /** The end of the sentence "… is not": `a whole number from 1 to 1024`. */
  form: string;
  schema: z.ZodType<T>;
  /** Left out, the setting is `undefined`, or, if required, must be given. */
  fallback?: T;
  isRequired?: boolean;
  /** The flag may be repeated, the variable holds several values between commas. */
  isList?: boolean;
  /** The value is never shown. */
  isSecret?: boolean;
  /** A URL that may hold a password: then it is not taken from the arguments, which others on the machine can read. */
  holdsPassword?: boolean;
  /** The value may be in a file, e.g. a secret that a container is given: its flag, and its variable. */
  file?: { flags: string; variable: string };
}

export type Settings = Record<string, Setting<unknown>>;
export type Values<S extends Settings> = { [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** Gives the type its name; a plain literal would lose it. */
export function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

/** Adds the flags to the command, each with its variables and default in the help. */
export function addSettings(command: Command, settings: Settings): Command {
  for (const definition of Object.values(settings)) {
    const { flags, variables = [], description, fallback, isRequired, isList, file } = definition;
    const addFile = (what: string, names: readonly string[]): void => {
      if (file !== undefined)
        command.option(file.flags, `${what} (env: ${[file.variable, ...names].join(', ')})`);
    };
    if (flags === undefined) {
      addFile(description, variables);
      continue;
    }
    const facts = [
      ...(variables.length > 0 ? [`env: ${variables.join(', ')}`] : []),
      ...(fallback === undefined ? [] : [`default: ${textOf(fallback)}`]),
      ...(isRequired === true ? ['required'] : []),
    ];
    const option = new Option(flags, facts.length > 0 ? `${description} (${facts.join('; ')})` : description);
    if (isList === true) {
      option.argParser((value, previous: string | undefined) =>
        previous === undefined ? value : `${previous},${value}`,
      );
    }
    command.addOption(option);
    addFile('the same, from a file', []);
  }
  return command;
}

/** @throws {SluiceError} `configuration_invalid` */
export function readSettings<S extends Settings>(
  settings: S,
  flagValues: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv = process.env,
): Values<S> {
  const values = Object.entries(settings).map(([name, definition]) => [
    name,
    readSetting(definition, flagValues, environment),
  ]);
  return Object.fromEntries(values) as Values<S>;
}

function readSetting(
  definition: Setting<unknown>,
  flagValues: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): unknown {
  const { source, text } = findGiven(definition, flagValues, environment);
  if (text === undefined) {
    if (definition.isRequired !== true) return definition.fallback;
    const names = [longOf(definition.flags), ...(definition.variables ?? [])].filter(Boolean).join(' or ');
    throw new SluiceError('configuration_invalid', `Cannot start as ${names} is missing: ${definition.form}`);
  }
  const parsed = definition.schema.safeParse(text);
  if (parsed.success) return parsed.data;
  const shown = definition.isSecret === true ? '' : `: '${text}'`;
  // A check that knows more says what is wrong, without the value.
  const [issue] = parsed.error.issues;
  if (issue?.code === 'custom' && issue.message.startsWith('Cannot ')) {
    throw new SluiceError('configuration_invalid', `${issue.message} (${source})`, {
      detail: { setting: source },
    });
  }
  throw new SluiceError(
    'configuration_invalid',
    `Cannot start as ${source} is not ${definition.form}${shown}`,
    {
      detail: { setting: source },
    },
  );
}

interface Given {
  /** The name under which it was given. */
  source: string;
  /** Undefined: it was not. */
  text: string | undefined;
}

/** Flags come before variables, and a value itself before a file that holds it. */
function findGiven(
  { flags, variables = [], file, holdsPassword = false }: Setting<unknown>,
  flagValues: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): Given {
  const ofFlag = (name: string | undefined): string | undefined => {
    // A flag `--no-load` beside `--load <path>` makes a boolean of its own.
    const value = name === undefined ? undefined : flagValues[new Option(name).attributeName()];
    return typeof value === 'string' ? value : undefined;
  };
  const isSet = (name: string): boolean => (environment[name] ?? '') !== '';
  const value = ofFlag(flags);
  if (value !== undefined) {
    if (holdsPassword && hasPassword(value)) throw passwordInArguments(longOf(flags), variables, file);
    return { source: longOf(flags), text: value };
  }
  const path = ofFlag(file?.flags);
  if (path !== undefined) return readGiven(longOf(file?.flags), path);
  const variable = variables.find(isSet);
  if (variable !== undefined) return { source: variable, text: environment[variable] };
  if (file === undefined || !isSet(file.variable)) return { source: '', text: undefined };
  return readGiven(file.variable, environment[file.variable]!);
}

/** Any of several URLs, too. */
function hasPassword(url: string): boolean {
  return /\w+:\/\/[^@/]*:[^@/]+@/.test(url) || /[?&]password=/i.test(url);
}

function passwordInArguments(
  name: string,
  variables: readonly string[],
  file: Setting<unknown>['file'],
): SluiceError {
  const others = [...variables, longOf(file?.flags)].join(' or ');
  return new SluiceError(
    'configuration_invalid',
    `Cannot start as ${name} holds a password, which others on this machine can read: use ${others}`,
    { detail: { setting: name } },
  );
}

function readGiven(source: string, path: string): Given {
  try {
    return { source, text: readFileSync(path, 'utf8').trim() };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'names no file' : `names a file that cannot be read (${code})`;
    throw new SluiceError('configuration_invalid', `Cannot start as ${source} ${reason}: ${path}`, { cause });
  }
}

function longOf(flags: string | undefined): string {
  return (flags === undefined ? undefined : new Option(flags).long) ?? '';
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value) || 'none';
}
