// Every fault that the scripts plant has its place in the sources, once: found when a change has moved it, not months later.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { countPlaces, type Fault } from '../simulation/overlay.ts';
import { mutants } from './mutants.ts';
import { promiseMutants } from './promise-mutants.ts';
import { securityMutants } from './security-mutants.ts';

const root = resolve(import.meta.dirname, '../..');

const faults: Fault[] = [
  ...mutants.map((mutant) => ({ ...mutant, file: `packages/batch/src/${mutant.file}` })),
  ...promiseMutants.flatMap((mutant) => [...mutant.faults, ...Object.values(mutant.without).flat()]),
  ...securityMutants.flatMap((mutant) => mutant.faults),
];

test('each fault that a mutant plants has one place', () => {
  const misplaced = faults
    .map(({ file, from }) => ({
      file,
      from,
      places: countPlaces(readFileSync(resolve(root, file), 'utf8'), from),
    }))
    .filter(({ places }) => places !== 1);
  expect(misplaced).toEqual([]);
});
