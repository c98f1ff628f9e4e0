// SQLSTATEs of our own: each means one thing, and sql/README.md says which.

import { readdirSync, readFileSync } from 'node:fs';
import { sqlFolder } from 'sluice/internal/store';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(`${sqlFolder}${path}`, 'utf8');
const files = [
  'roles.sql',
  ...['migrations', 'queries'].flatMap((folder) =>
    readdirSync(`${sqlFolder}${folder}`).map((file) => `${folder}/${file}`),
  ),
];

test('an SQLSTATE of Sluice is raised with one message, and the README explains it', () => {
  const messages = new Map<string, Set<string>>();
  for (const file of files) {
    for (const [, code, message] of read(file).matchAll(
      /errcode = '(SL\d+)',\s*message = (?:format\()?'([^']*)'/g,
    )) {
      messages.set(code!, (messages.get(code!) ?? new Set()).add(message!));
    }
  }
  const codes = [...messages.keys()].toSorted();
  expect(codes.length).toBeGreaterThan(2);
  for (const [code, said] of messages) expect([code, [...said]]).toEqual([code, [expect.any(String)]]);
  const [, explained = ''] = /\*\*Errors of our own\*\*([^]*?)\n\n/.exec(read('README.md')) ?? [];
  const told = [...explained.matchAll(/`(SL\d+)`/g)].map(([, code]) => code!);
  expect(told).toEqual([...new Set(told)]);
  expect(told).toEqual(expect.arrayContaining(codes));
});
