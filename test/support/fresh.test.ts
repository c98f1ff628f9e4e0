import { expect, test } from 'vitest';
import { fresh } from './fresh.ts';

test('the numbers of a test file begin at 1, also where other files ran in its process', () => {
  expect([fresh(), fresh()]).toEqual([1, 2]);
});
