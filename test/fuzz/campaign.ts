// One run of the fuzzing: how many cases, from which seed, and what became of them. A case is made from the seed, its kind
// and its number alone, so that one that fails comes again whatever else is run.

import { afterAll } from 'vitest';
import { Rng } from '../chaos/rng.ts';

const environment = process.env;

/** `npm test` runs the same few cases each time. A given number of cases runs new ones. */
export const seed = Number(
  environment['SLUICE_FUZZ_SEED'] ?? (environment['SLUICE_FUZZ_CASES'] ? Date.now() % 2 ** 31 : 1),
);
const casesOfAll = Number(environment['SLUICE_FUZZ_CASES'] ?? 1_200);

/** Cases of one part of the fuzzing. Their number gives the time limit, which only ends a part that is stuck. */
export function casesOf(share: number): { cases: number; timeoutMs: number } {
  const cases = Math.max(1, Math.ceil(casesOfAll * share));
  return { cases, timeoutMs: 120_000 + cases * 100 };
}

export function rngOf(kind: string, number: number): Rng {
  let state = seed | 0;
  for (const character of `${kind} ${number}`)
    state = Math.imul(state ^ character.codePointAt(0)!, 0x01000193);
  return new Rng(state);
}

export type Fate = 'accepted' | 'refused';

const faultsMax = 20;

/** What became of the cases of one file, by kind. Told at its end, with the seed. */
export class Campaign {
  readonly #counts = new Map<string, Record<Fate, number>>();
  readonly name: string;
  /** What was wrong, with the cases. */
  readonly faults: string[] = [];

  constructor(title: string) {
    this.name = `${title}, SLUICE_FUZZ_SEED=${seed}`;
    afterAll(() => console.info(`\n${this.name}\n${this.#table()}\n`));
  }

  count(kind: string, fate: Fate, cases = 1): void {
    const counts = this.#counts.get(kind) ?? { accepted: 0, refused: 0 };
    counts[fate] += cases;
    this.#counts.set(kind, counts);
  }

  /** Remembers what was wrong with a case, and shows its input. */
  fault(kind: string, number: number, what: string, input: string | Buffer): void {
    const text = typeof input === 'string' ? input : input.toString('latin1');
    const shown = text.length > 600 ? `${text.slice(0, 600)}… (${text.length})` : text;
    this.faults.push(`${kind} ${number} of SLUICE_FUZZ_SEED=${seed}: ${what}\n  ${shown}`);
    // More of them would say no more.
    if (this.faults.length >= faultsMax) throw new Error(this.faults.join('\n'));
  }

  #table(): string {
    const rows = [...this.#counts].map(([kind, { accepted, refused }]) => [
      kind,
      ...[accepted + refused, accepted, refused].map(String),
    ]);
    const sum = (place: number) => String(rows.reduce((total, row) => total + Number(row[place]), 0));
    const all = [['', 'tried', 'accepted', 'refused'], ...rows, ['all', sum(1), sum(2), sum(3)]];
    return all
      .map(
        ([kind = '', ...numbers]) => kind.padEnd(32) + numbers.map((number) => number.padStart(9)).join(''),
      )
      .join('\n');
  }
}

/** Fails a promise that nothing comes of, where a test's own time would not say which case it was. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Nothing came of it in ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
