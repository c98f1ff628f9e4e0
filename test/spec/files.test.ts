// Files that nothing imports: what is said to be JSON is JSON, and the version is written in one place. And what no test
// may do, because it would fail on a slow machine.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseSync } from 'oxc-parser';
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
  // The load of shuffled documents ends sessions again and again, so it need not wait for each.
  expect(
    matches(/select pg_terminate_backend\((?!\d)[^(),]+\)/g).filter(
      (each) => !each.includes('shuffled-load'),
    ),
  ).toEqual([]);
});

test('no test limits a duration to less than ten seconds', () => {
  expect(matches(/performance\.now\(\) - \w+\)\.toBeLessThan(?:OrEqual)?\(\d{1,4}\)/g)).toEqual([]);
});

/** Production code, without tests. */
const sources = filesBelow('packages', '.ts').filter(
  (file) => /^packages\/\w+\/src\//.test(file) && !/\.(?:test|d)\.ts$/.test(file),
);
const linesOf = (text: string): number => text.split('\n').length;

test('no source file is longer than 250 lines', () => {
  const long = sources.filter((file) => linesOf(readFileSync(join(root, file), 'utf8').trimEnd()) > 250);
  expect(long).toEqual([]);
});

test('no function is longer than 60 lines', () => {
  const long = sources.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    if (linesOf(text) <= 60) return [];
    return longFunctionsOf(parseSync(file, text).program, text, '').map((name) => `${file}: ${name}`);
  });
  expect(long).toEqual([]);
});

/** Their names; a function without one has the name of what it is the value of. */
function longFunctionsOf(node: unknown, text: string, name: string): string[] {
  if (Array.isArray(node)) return node.flatMap((each) => longFunctionsOf(each, text, name));
  if (typeof node !== 'object' || node === null) return [];
  const { type, start, end, id, key } = node as Record<string, unknown>;
  // What is short has no long function in it.
  if (typeof start === 'number' && linesOf(text.slice(start, Number(end))) <= 60) return [];
  const own = ((id ?? key) as { name?: string } | null | undefined)?.name ?? name;
  const inside = Object.values(node).flatMap((each) => longFunctionsOf(each, text, own));
  const isFunction = /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(
    String(type),
  );
  return isFunction ? [own, ...inside] : inside;
}
