import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseModel } from 'sluice/model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectionModules, projectionsOf } from './projections-of.ts';
import { readSettings } from './setting.ts';

const model = parseModel({
  project: 'Sample',
  resources: [{ name: 'Note', endpoint: 'sample/notes', identity: ['$.noteId'] }],
});

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'sluice-modules-'))));
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function load(text: string, extension = 'mjs'): Promise<string[]> {
  const file = join(folder, `module-${(files += 1)}.${extension}`);
  await writeFile(file, text);
  const projections = await projectionsOf(model, [relative(process.cwd(), file)]);
  return projections.map(({ name, version }) => `${name}@${version}`);
}

const one = (name: string, more = ''): string =>
  `{ name: '${name}', resources: ['sample/notes'], apply: async () => {}${more} }`;

test.each([
  ['a default export', `export default ${one('a')}`, 'mjs', ['a@1']],
  ['a list by default', `export default [${one('a')}, ${one('b', ', version: 2')}]`, 'mjs', ['a@1', 'b@2']],
  [
    'named exports',
    `export const limit = 3; export const x = ${one('a')}; export const y = ${one('b')}`,
    'mjs',
    ['a@1', 'b@1'],
  ],
  [
    'an object of a class',
    `class P { name = 'a'; resources = ['sample/notes']; async apply() {} } export default new P()`,
    'mjs',
    ['a@1'],
  ],
  ['a CommonJS module', `module.exports = ${one('a')}`, 'cjs', ['a@1']],
  ['names of a CommonJS module', `exports.x = ${one('a')}`, 'cjs', ['a@1']],
])('the projections setting takes %s', async (_, text, extension, names) => {
  expect(await load(text, extension)).toEqual(names);
});

test('the projections setting takes a package that is installed in the working folder', async () => {
  const place = join(process.cwd(), 'node_modules', 'sluice-test-projection');
  await mkdir(place, { recursive: true });
  try {
    await writeFile(join(place, 'package.json'), '{"type":"module","exports":"./index.js"}');
    await writeFile(join(place, 'index.js'), `export default ${one('packaged')}`);
    expect((await projectionsOf(model, ['sluice-test-projection'])).map(({ name }) => name)).toEqual([
      'packaged',
    ]);
  } finally {
    await rm(place, { recursive: true });
  }
});

const start = 'Cannot start because --projection (SLUICE_PROJECTION) ';
test.each([
  ['', `${start}names a module that exports no projection: `],
  ['export default 1', `${start}names a module that exports no projection`],
  [
    'export default { name: "a", resources: ["sample/notes"] }',
    `${start}names a module whose export default has no function \`apply\`: `,
  ],
  [
    'export const x = { resources: ["sample/notes"], apply() {} }',
    `${start}names a module whose export x has no string \`name\`: `,
  ],
  [
    'export const x = { name: "a", apply() {} }',
    `${start}names a module whose export x has no list of endpoints \`resources\`: `,
  ],
  ['export default [null]', `${start}names a module whose export default[0] has no string \`name\`: `],
  [
    `export default ${one('A b')}`,
    `${start}names a module whose export default cannot be used (Cannot define a projection because its name is not`,
  ],
  [`export default ${one('a', ', version: 0')}`, 'its version is not a whole number from 1'],
  [`export default ${one('a', ', listDocuments: 1')}`, 'its `listDocuments` is not a function'],
  [
    `export default [${one('a')}, ${one('a')}]`,
    'Cannot use the projections because two have the same name: a',
  ],
  [
    `export default { ...${one('a')}, resources: ['/sample/notes'] }`,
    'Cannot use the projection a because the model has no endpoint of this spelling: /sample/notes',
  ],
  ['export default (', `${start}names a module that cannot be loaded (`],
  ['throw new Error("no table")', `${start}names a module that cannot be loaded (Error: no table): `],
  ['import "./nowhere.mjs"', `${start}names a module that cannot be loaded (ERR_MODULE_NOT_FOUND: `],
])('the projections setting %j is refused, and the message says what is missing', async (text, sentence) => {
  await expect(load(text)).rejects.toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining(sentence) as string,
  });
});

test.each([
  ['./nowhere.mjs', 'names no file: ./nowhere.mjs'],
  ['sluice-nowhere', 'names neither a file nor a package that is installed here: sluice-nowhere'],
])('the projections setting refuses %s', async (module, sentence) => {
  await expect(projectionsOf(model, [module])).rejects.toThrow(start + sentence);
});

test('the projections setting may be repeated, or hold several between commas', () => {
  const settings = { projectionModules };
  expect(readSettings(settings, { projection: './a.mjs,b' }, {})).toEqual({
    projectionModules: ['./a.mjs', 'b'],
  });
  expect(readSettings(settings, {}, { SLUICE_PROJECTION: './a.mjs, b' })).toEqual({
    projectionModules: ['./a.mjs', 'b'],
  });
  expect(readSettings(settings, {}, {})).toEqual({ projectionModules: [] });
});
