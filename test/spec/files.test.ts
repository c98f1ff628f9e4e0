// Files that nothing imports: what is said to be JSON is JSON, and the version is written in one place. And what no test
// may do, because it would fail on a slow machine.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const filesBelow = (folder: string, extension: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => join(folder, file));

test.each([...filesBelow('docs', '.json'), ...filesBelow('deploy', '.json')])('%s is JSON', (file) => {
  expect(() => JSON.parse(readFileSync(join(root, file), 'utf8')) as unknown).not.toThrow();
});

test('each package has the version of the whole, and no source repeats it', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  for (const name of readdirSync(join(root, 'packages'))) {
    const manifest = readFileSync(join(root, 'packages', name, 'package.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ version });
    const sources = filesBelow(`packages/${name}/src`, '.ts').filter((file) => !file.endsWith('.test.ts'));
    expect(sources.filter((file) => readFileSync(join(root, file), 'utf8').includes(`'${version}'`))).toEqual(
      [],
    );
  }
});

const tests = [...filesBelow('test', '.test.ts'), ...filesBelow('packages', '.test.ts')].filter(
  (file) => !/node_modules|dist/.test(file),
);
const matches = (pattern: RegExp): string[] =>
  tests.flatMap(
    (file) =>
      readFileSync(join(root, file), 'utf8')
        .match(pattern)
        ?.map((text) => `${file}: ${text}`) ?? [],
  );

test('no test changes the login of a role that all tests share', () => {
  expect(matches(/alter role \$\{(?!guest|stranger)/)).toEqual([]);
});

test('a test waits until a session that it ends is gone', () => {
  // Told again and again, for as long as something else goes on, it need not be.
  expect(
    matches(/select pg_terminate_backend\([^(),]+\)/g).filter((each) => !each.includes('shuffled-load')),
  ).toEqual([]);
});

test('no test limits a duration to less than ten seconds', () => {
  expect(matches(/performance\.now\(\) - \w+\)\.toBeLessThan(?:OrEqual)?\(\d{1,4}\)/g)).toEqual([]);
});
