// Every fault that the scripts plant has its place in the sources: found when a change has moved it, not months later.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { guardingTest } from './hunt-security.ts';
import { troublesOf, type Mutant } from './mutant.ts';
import { root } from './places.ts';
import { planMutants } from './plan-mutants.ts';
import { promiseMutants } from './promise-mutants.ts';
import { securityMutants } from './security-mutants.ts';
import { targetMutants } from './target-mutants.ts';

const mutants: Mutant[] = [
  ...planMutants,
  ...promiseMutants.map(({ mutant: [name, ...faults], without }): Mutant => [
    name,
    ...Object.values(without).flat(),
    ...faults,
  ]),
  ...Object.values({ ...securityMutants, ...targetMutants }).flat(),
];

test('each mutant can be planted in the sources as they are', () => {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const troubles = mutants.flatMap(([name, ...faults]) =>
    troublesOf(faults, read).map((trouble) => `${name}: ${trouble}`),
  );
  expect(troubles).toEqual([]);
});

test('each test that has to notice a mutant exists', () => {
  for (const name of Object.keys({ ...securityMutants, ...targetMutants }))
    expect(() => guardingTest(name)).not.toThrow();
});

test('each mutant has a name of its own', () => {
  const names = mutants.map(([name]) => name);
  expect(new Set(names).size).toBe(names.length);
});
