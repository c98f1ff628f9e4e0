import type { Resource } from 'sluice/model';
import { expect, test } from 'vitest';
import { readListQuery } from './list-query.ts';

const resource = {
  queryFields: [
    {
      name: 'schoolId',
      paths: [
        { path: '$.aReference.schoolId', type: 'number' },
        { path: '$.bReference.schoolId', type: 'number' },
      ],
    },
  ],
  jsonSchema: {},
  identityPaths: [],
  identity: { values: [] },
  references: [],
} as unknown as Resource;

test('a field with two places is searched in both', () => {
  expect(readListQuery(resource, { SchoolID: '1' }, 500).filter?.contains).toEqual([
    { aReference: { schoolId: '1' } },
    { bReference: { schoolId: '1' } },
  ]);
});

// Each spelling would double the parts of the filter.
test.for([
  { name: 'schoolId', query: { schoolId: '1', SchoolId: '1' } },
  { name: 'schoolId', query: { schoolId: ['1', '2'] } },
  { name: 'SCHOOLID', query: { SCHOOLID: '1', limit: '1', schoolid: '1' } },
  { name: 'limit', query: { limit: '1', LIMIT: '2' } },
  { name: 'totalCount', query: { totalCount: ['true', 'false'] } },
])('a list refuses a query field that is given twice: $query', ({ name, query }) => {
  const errors = [`The query field '${name}' is given more than once.`];
  expect(() => readListQuery(resource, query, 500)).toThrow(
    expect.objectContaining({
      problem: expect.objectContaining({ status: 400, errors }) as unknown,
    }) as Error,
  );
});
