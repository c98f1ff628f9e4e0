/** The declaration of a limit or an interval. */
export interface Tunable {
  default: number;
  from: number;
  to: number;
  help: string;
  /** For settings of the configuration file only: the cost of a change. */
  cost?: string;
}

export const declare = <K extends string>(all: Record<K, Tunable>): Readonly<Record<K, Tunable>> => all;

export const MiB = 1024 * 1024;
export const tenMinutesMs = 600_000;

export function defaultsOf<K extends string>(all: Readonly<Record<K, Tunable>>): Record<K, number> {
  const values = Object.entries<Tunable>(all).map(([name, tunable]) => [name, tunable.default]);
  return Object.fromEntries(values) as Record<K, number>;
}
