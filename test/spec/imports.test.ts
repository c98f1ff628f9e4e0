// The house has one direction, and the compiler does not hold it: in a hoisted workspace an undeclared import compiles.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The packages each package may import. `examples` show what a user may do: anything public. */
const allowed: Record<string, string[]> = {
  protocol: [],
  embedded: [],
  model: ['protocol'],
  store: ['protocol'],
  batch: ['protocol', 'model', 'store'],
  projections: ['protocol', 'store', 'batch'],
  client: ['protocol', 'model', 'store', 'batch'],
  writer: ['protocol', 'model', 'store', 'batch'],
  operator: ['protocol', 'model', 'store', 'batch'],
  api: ['protocol', 'model', 'client'],
  metrics: ['protocol', 'store', 'batch', 'client', 'writer'],
  dashboard: ['protocol', 'model', 'store', 'operator', 'api'],
  cli: [
    'protocol',
    'model',
    'store',
    'batch',
    'projections',
    'client',
    'writer',
    'operator',
    'api',
    'metrics',
    'embedded',
    'dashboard',
    'bench',
  ],
  bench: ['protocol', 'model', 'store', 'batch', 'client', 'writer', 'api', 'embedded'],
  examples: ['protocol', 'model', 'store', 'batch', 'client', 'writer', 'api', 'embedded'],
};

/** The folders of a package that each of its folders may import. Its other files put them together. */
const allowedFolders: Record<string, Record<string, string[]>> = {
  batch: { coordinator: [], documents: ['coordinator'] },
};

/** Libraries that only some packages may import. */
const reserved: Record<string, string[]> = {
  pg: ['store', 'bench', 'examples'],
  'pg-listen': ['store'],
  fastify: ['api', 'dashboard', 'bench'],
  commander: ['cli'],
  'prom-client': ['metrics'],
};

interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

interface Import {
  package: string;
  file: string;
  specifier: string;
  isTest: boolean;
}

const packages = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
);
const manifests = new Map(packages.map((name) => [name, readManifest(join('packages', name))]));
const imports = packages.flatMap(readImports);
const production = imports.filter(({ isTest }) => !isTest);

describe('packages', () => {
  test('are all known to this test', () => {
    expect(packages.filter((name) => !(name in allowed))).toEqual([]);
  });

  test('import only packages below them', () => {
    const upward = production.filter(({ package: from, specifier }) => {
      const to = /^@sluice\/([^/]+)/.exec(specifier)?.[1];
      return to !== undefined && to !== from && !allowed[from]?.includes(to);
    });
    expect(upward.map(describeImport)).toEqual([]);
  });

  test('declare what they import', () => {
    const undeclared = production.filter(({ package: from, specifier }) => {
      const name = libraryName(specifier);
      const { dependencies, optionalDependencies } = manifests.get(from)!;
      return name !== undefined && !(name in { ...dependencies, ...optionalDependencies });
    });
    expect(undeclared.map(describeImport)).toEqual([]);
  });

  test('leave a library to the package whose business it is', () => {
    const strays = production.filter(({ package: from, specifier }) => {
      const keepers = reserved[libraryName(specifier) ?? ''];
      return keepers !== undefined && !keepers.includes(from);
    });
    expect(strays.map(describeImport)).toEqual([]);
  });
});

describe('an import', () => {
  test('names another package, never a path into it', () => {
    const paths = imports.filter(({ package: from, file, specifier }) => {
      if (/^@sluice\/[^/]+\//.test(specifier)) return true;
      if (!specifier.startsWith('.')) return false;
      const target = relative(join(root, 'packages'), resolve(root, file, '..', specifier));
      return target.startsWith('..') ? !inTestSupport(file, specifier) : !target.startsWith(join(from, '/'));
    });
    expect(paths.map(describeImport)).toEqual([]);
  });

  test('names a file inside its own package, never the index', () => {
    const indexes = production.filter(
      ({ package: from, file, specifier }) =>
        specifier === `@sluice/${from}` ||
        (/^\.{1,2}(\/.*)?\/index\.[jt]s$/.test(specifier) && !file.endsWith('index.ts')),
    );
    expect(indexes.map(describeImport)).toEqual([]);
  });
});

describe('inside a package', () => {
  /** Production imports between files of packages with folders, as `folder/file` from the sources on; a file beside them has none. */
  const inside = production.flatMap((each) => {
    const folders = allowedFolders[each.package];
    if (folders === undefined || !each.specifier.startsWith('.')) return [];
    const sources = join(root, 'packages', each.package, 'src');
    const folderOf = (path: string): string | null =>
      Object.keys(folders).find((folder) => path.startsWith(`${folder}/`)) ?? null;
    const from = folderOf(relative(sources, join(root, each.file)));
    const to = folderOf(relative(sources, resolve(root, each.file, '..', each.specifier)));
    return [{ ...each, from, to, folders }];
  });

  test('a folder imports only the folders below it', () => {
    const strays = inside.filter(
      ({ from, to, folders }) =>
        from !== null && from !== to && (to === null || !folders[from]?.includes(to)),
    );
    expect(strays.map(describeImport)).toEqual([]);
  });

  test('documents and the coordinator meet in one place', () => {
    const meeting = inside.filter(
      ({ from, to, file }) => from === null && to !== null && !file.endsWith('index.ts'),
    );
    expect([...new Set(meeting.map(({ file }) => file))]).toEqual(['packages/batch/src/settle-batch.ts']);
  });
});

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

function readImports(name: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  const folder = join('packages', name, 'src');
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join(folder, file))
    .flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].map((match) => ({
        package: name,
        file,
        specifier: match[1] ?? match[2] ?? match[3]!,
        isTest: /\.test\.tsx?$/.test(file),
      })),
    );
}

/** The library an import needs to have declared; undefined for files and for what Node brings. */
function libraryName(specifier: string): string | undefined {
  if (/^(\.|node:|#)/.test(specifier) || builtinModules.includes(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function inTestSupport(file: string, specifier: string): boolean {
  return (
    file.endsWith('.test.ts') && resolve(root, file, '..', specifier).startsWith(join(root, 'test/support/'))
  );
}

function describeImport({ file, specifier }: Import): string {
  return `${file} imports ${specifier}`;
}
