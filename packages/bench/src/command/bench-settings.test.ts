import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
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

test('a benchmark never runs on the database of DATABASE_URL or DATABASE_URL_FILE', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'sluice-bench-url-')), 'url');
  onTestFinished(() => rmSync(dirname(file), { recursive: true }));
  writeFileSync(file, 'postgres://host/db');
  const readWith = (environment: Record<string, string>) => readSettings(benchSettings, {}, environment);
  expect(readWith({ DATABASE_URL_FILE: file }).databaseUrl).toBeUndefined();
  expect(readWith({ DATABASE_URL: 'postgres://host/db' }).databaseUrl).toBeUndefined();
  expect(readWith({ SLUICE_BENCH_DATABASE_URL_FILE: file }).databaseUrl).toBe('postgres://host/db');
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
