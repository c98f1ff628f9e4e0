import type { Resource } from '@sluice/model';
import { expect, test } from 'vitest';
import { SchemaValidator } from './schema-validator.ts';

const validator = new SchemaValidator();
const takes = (format: string): ((text: string) => boolean) => {
  const resource = { jsonSchema: { type: 'string', format } } as unknown as Resource;
  return (text) => validator.faultsOf(resource, text).length === 0;
};

test.each([
  ['date', ['2024-02-29', '9999-12-31'], ['2023-02-29', '2024-02-30', '0000-01-01', '2024-13-01']],
  ['time', ['23:59:59Z', '23:59:60Z', '12:00:00+0530'], ['24:00:00Z', '12:60:00Z', '12:00:60Z', '12:00:00']],
  [
    'date-time',
    ['2024-02-29T10:00:00Z', '2016-12-31T23:59:60Z', '2024-02-29 10:00:00.5-05:00'],
    ['2024-02-30T10:00:00Z', '2024-02-28T23:59:60Z', '0000-01-01T00:00:00Z', '2024-01-01T00:00:00+25:00'],
  ],
  ['iso-time', ['12:00:00', '12:00:00Z'], ['24:00:00']],
  ['iso-date-time', ['2024-02-29T10:00:00'], ['2023-02-29T10:00:00']],
])('a %s must be of the calendar', (format, sound, unsound) => {
  expect(sound.filter((text) => !takes(format)(text))).toEqual([]);
  expect(unsound.filter(takes(format))).toEqual([]);
});
