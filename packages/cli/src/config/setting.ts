/**
 * Settings come from flags, else from the environment, else from their default, and are checked once, before anything
 * starts. A wrong one is told by the name under which it was given and by the form it should have.
 */
import { Option, type Command } from 'commander';
import { SluiceError } from '@sluice/protocol';
import type * as z from 'zod';

export interface Setting<T> {
  /** As commander takes them: `--lanes <number>`. */
  flags: string;
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
}

export type Settings = Record<string, Setting<unknown>>;
export type Values<S extends Settings> = { [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** Gives the type its name; a plain literal would lose it. */
export function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

/** Adds the flags to the command, each with its variables and default in the help. */
export function addSettings(command: Command, settings: Settings): Command {
  for (const { flags, variables = [], description, fallback, isRequired, isList } of Object.values(
    settings,
  )) {
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
  const option = new Option(definition.flags);
  const variable = definition.variables?.find((name) => (environment[name] ?? '') !== '');
  // A flag `--no-load` beside `--load <path>` makes a boolean of its own.
  const given = flagValues[option.attributeName()];
  const flagValue = typeof given === 'string' ? given : undefined;
  const source = flagValue === undefined ? variable : option.long;
  const text = flagValue ?? (variable === undefined ? undefined : environment[variable]);
  if (text === undefined || source === undefined) {
    if (definition.isRequired !== true) return definition.fallback;
    const names = [option.long, ...(definition.variables ?? [])].join(' or ');
    throw new SluiceError('configuration_invalid', `Cannot start as ${names} is missing: ${definition.form}`);
  }
  const parsed = definition.schema.safeParse(text);
  if (parsed.success) return parsed.data;
  const shown = definition.isSecret === true ? '' : `: '${text}'`;
  throw new SluiceError(
    'configuration_invalid',
    `Cannot start as ${source} is not ${definition.form}${shown}`,
    {
      detail: { setting: source },
    },
  );
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value);
}
