/** The common forms of settings: numbers, durations, lists, files, and declared tunables. */
import { formOf, type Tunable } from 'sluice/internal/protocol';
import { assertUrl } from 'sluice/internal/store';
import * as z from 'zod';
import { setting, variableOf, type Setting } from './setting.ts';

export function wholeNumber(from: number, to: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.number().int().min(from).max(to));
}

const secondsIn: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** `500ms`, `30s`, `5m`, `2h`, `1d`, or a number of seconds; the result is in seconds. */
export const duration: z.ZodType<number> = z
  .string()
  .regex(/^\d{1,9}(ms|s|m|h|d)?$/)
  .transform((text) => Number.parseInt(text, 10) * (secondsIn[text.replace(/^\d+/, '')] ?? 1));

/** The text of {@link duration}, in the largest unit that divides it. */
function durationText(seconds: unknown): string {
  const ms = Math.round(Number(seconds) * 1000);
  const fits = ([, size]: [string, number]): boolean => ms % Math.round(size * 1000) === 0;
  const [unit, size] = ms === 0 ? ['s', 1] : Object.entries(secondsIn).findLast(fits)!;
  return `${ms / Math.round(size * 1000)}${unit}`;
}

/** @param without What holds without a value. */
export function durationSetting(flags: string, description: string, without: string) {
  return setting<number | undefined>({
    flags,
    description,
    form: 'a duration like 30s, 5m, 2h or 1d',
    schema: duration,
    toText: durationText,
    defaultText: without,
  });
}

/** @param fallback The default, with its unit. */
export function durationWithDefault(flags: string, description: string, fallback: string) {
  return setting<number>({
    ...durationSetting(flags, description, fallback),
    schema: duration,
    fallback: duration.parse(fallback),
  });
}

export const onOrOff = z.enum(['on', 'off']).transform((value) => value === 'on');

/** A check that reports the fault itself. */
export const checkedBy =
  <T>(check: (value: T) => void) =>
  (value: T, context: z.RefinementCtx): void => {
    try {
      check(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  };

export const postgresUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\/\S+$/)
  .superRefine(checkedBy(assertUrl));

export const listOf = <T>(schema: z.ZodType<T, string>): z.ZodType<T[]> =>
  z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(schema).min(1));

/** A whole number whose form names its range. */
export function numberSetting(
  flags: string,
  variables: readonly string[],
  description: string,
  bounds: { from: number; to: number; fallback: number },
) {
  const schema = wholeNumber(bounds.from, bounds.to);
  return setting<number>({
    flags,
    variables,
    description,
    form: formOf(bounds),
    schema,
    fallback: bounds.fallback,
  });
}

/** The settings of declared limits and intervals: `waitMs` is `--wait-ms <ms>` and `SLUICE_WAIT_MS`. */
export function tunableSettings<K extends string>(
  all: Readonly<Record<K, Tunable>>,
): Record<K, Setting<number>> {
  const settings = Object.entries<Tunable>(all).map(([name, tunable]) => [
    name,
    tunableSetting(name, tunable),
  ]);
  return Object.fromEntries(settings) as Record<K, Setting<number>>;
}

function tunableSetting(name: string, tunable: Tunable): Setting<number> {
  const { default: fallback, from, to, help: description, cost } = tunable;
  const common = { description, form: formOf(tunable), schema: wholeNumber(from, to), fallback };
  if (cost !== undefined) return { ...common, cost };
  const words = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const unit = /-(ms|hours|bytes)(-max)?$/.exec(words)?.[1] ?? 'number';
  return { ...common, flags: `--${words} <${unit}>`, variables: [variableOf(name)] };
}

export const fileSetting = (flags: string, variable: string, description: string) =>
  setting<string | undefined>({
    flags,
    variables: [variable],
    description,
    form: 'the path of a file',
    schema: z.string().regex(/^[^\0]+$/),
    path: 'always',
  });

export const pathSetting = (flags: string, variable: string, description: string) =>
  setting<string | undefined>({
    flags,
    variables: [variable],
    description,
    form: 'a path',
    path: 'always',
    schema: z.string().min(1),
  });
