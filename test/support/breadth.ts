// How much a run of the tests covers. `npm test` covers every promise once; `npm run test:all` (SLUICE_TESTS=all) adds
// the other modes, the runs without notifications, more seeds, and the cases that take long.

import { modes as allModes, type Mode } from 'sluice/internal/protocol';

export const isWide = process.env['SLUICE_TESTS'] === 'all';

/** The first of these, or in a wide run all of them. */
export function firstOrAll<T>(cases: readonly [T, ...T[]]): readonly T[] {
  return isWide ? cases : [cases[0]];
}

/** Modes in which the functional suite runs: `coordinated`, in a wide run all of them. */
export const modes: readonly Mode[] = isWide ? allModes : ['coordinated'];

/** A number of seeds, cases or operations: as the environment says, else by the breadth of the run. */
export function countOf(variable: string, narrow: number, wide: number): number {
  return Number(process.env[variable] ?? (isWide ? wide : narrow));
}
