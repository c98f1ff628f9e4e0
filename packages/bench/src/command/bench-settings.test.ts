import { expect, test } from 'vitest';
import { readSettings } from '@sluice/server/cli';
import { benchSettings, type BenchValues } from './bench-settings.ts';

const read = (flags: Record<string, string>): BenchValues => readSettings(benchSettings, flags, {});

test('a rate is a number of writes per second or a share of a capacity', () => {
  expect(read({}).rate).toEqual([{ perSecond: 100 }]);
  expect(read({ rate: '25%,50%,100%,70' }).rate).toEqual([
    { percent: 25 },
    { percent: 50 },
    { percent: 100 },
    { perSecond: 70 },
  ]);
  expect(read({}).rateOf).toBe('direct');
});

test('duplicates are percentages', () => {
  expect(read({}).duplicates).toEqual([0]);
  expect(read({ duplicates: '0%,30%' }).duplicates).toEqual([0, 30]);
});

test.each([
  ['duplicates', '30', '--duplicates'],
  ['duplicates', '95%', '--duplicates'],
  ['rate', '0%', '--rate'],
  ['rate', '101%', '--rate'],
  ['rate', '5.5%', '--rate'],
  ['rate', '50%,,70', '--rate'],
  ['rate', '0', '--rate'],
  ['pattern', 'waves', '--pattern'],
  ['rateOf', 'ceiling', '--rate-of'],
  ['contenders', 'direct,batch', '--contenders'],
  ['clients', '64,0', '--clients'],
  ['students', '0', '--students'],
  ['documents', '', '--documents'],
])('a bad value is refused with the name of its option: %s %s', (name, value, option) => {
  expect(() => read({ [name]: value })).toThrow(`Cannot start: ${option} is not`);
});
