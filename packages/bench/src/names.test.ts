import { expect, test } from 'vitest';
import { absenceOf, workloadNames } from './names.ts';

test('local and direct mode are measured with each workload but backlog', () => {
  const absent = (['local', 'direct'] as const).flatMap((contender) =>
    workloadNames.filter((workload) => absenceOf(contender, workload) !== null),
  );
  expect(absent).toEqual(['backlog', 'backlog']);
});
