/** The allowed values of a declared limit or interval, and the check of options against them. */
import * as z from 'zod';
import { SluiceError } from './errors.ts';
import type { Tunable } from './tunable.ts';

/** The end of the sentence "… is not": `a whole number from 1 to 1024`. */
export function formOf({ from, to }: Pick<Tunable, 'from' | 'to'>): string {
  return `a whole number from ${from} to ${to}`;
}

function rangeOf({ from, to }: Pick<Tunable, 'from' | 'to'>): z.ZodNumber {
  return z.int().min(from).max(to);
}

/**
 * Checks the options of a program that embeds Sluice, before anything is opened.
 * @param doing Action for the error message: `create the client`
 * @throws {SluiceError} `configuration_invalid`, with the name of the option
 */
export function assertTunables(
  doing: string,
  all: Readonly<Record<string, Tunable>>,
  options: Readonly<Partial<Record<string, unknown>>>,
): void {
  for (const [name, tunable] of Object.entries(all)) {
    const value = options[name];
    if (value === undefined || rangeOf(tunable).safeParse(value).success) continue;
    const shown = typeof value === 'number' ? `: ${value}` : '';
    throw new SluiceError(
      'configuration_invalid',
      `Cannot ${doing}: ${name} is not ${formOf(tunable)}${shown}`,
      {
        detail: { setting: name },
      },
    );
  }
}

/** The values that the declarations name. */
export function pickTunables<K extends string>(
  all: Readonly<Record<K, Tunable>>,
  values: Readonly<Record<K, number>>,
): Record<K, number> {
  const names = Object.keys(all) as K[];
  return Object.fromEntries(names.map((name) => [name, values[name]])) as Record<K, number>;
}
