// Statements have one form for PostgreSQL and Citus. These are the forms that Citus refuses, or runs with another effect
// (docs/scaling.md). A real Citus is tested in test/spec/citus.test.ts.

import { queries, query } from 'sluice/internal/store';
import { expect, test } from 'vitest';

test.each([
  ['a volatile time in UPDATE or DO UPDATE', /\b(?:update sluice\.|do update\b)[\s\S]*clock_timestamp/],
  ['a column without a type', /select pg_notify\([^)]*\) from [\s\S]*\n\)\n/],
])('no statement has a form that Citus refuses: %s', (_, form) => {
  const refused = [...queries.values()].filter(({ text }) => form.test(text));
  expect(refused.map(({ name }) => name)).toEqual([]);
});

test('a batch removes its writes from the intake after everything that reads them there', () => {
  const { text } = query('settleWrites');
  expect(text.indexOf('delete from sluice.intake')).toBeGreaterThan(text.lastIndexOf('insert into sluice.'));
});
