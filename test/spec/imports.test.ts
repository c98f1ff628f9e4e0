// The house has one direction, and the compiler does not hold it: in a hoisted workspace an undeclared import compiles.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The folders that each folder may import, by name. A package is its folders, or is one itself. */
const allowed: Record<string, string[]> = {
  'sluice/protocol': [],
  'sluice/model': ['sluice/protocol'],
  'sluice/store': ['sluice/protocol'],
  'sluice/targets': ['sluice/protocol', 'sluice/model', 'sluice/store'],
  'sluice/batch': ['sluice/protocol', 'sluice/model', 'sluice/store', 'sluice/targets'],
  'sluice/client': ['sluice/protocol', 'sluice/model', 'sluice/store', 'sluice/targets', 'sluice/batch'],
  'sluice/writer': ['sluice/protocol', 'sluice/model', 'sluice/store', 'sluice/targets', 'sluice/batch'],
  'sluice/operator': ['sluice/protocol', 'sluice/model', 'sluice/store', 'sluice/targets', 'sluice/batch'],
  'sluice/library': ['sluice/*'],
  'server/api': ['sluice/protocol', 'sluice/model', 'sluice/targets', 'sluice/client'],
  edfi: ['sluice/protocol', 'sluice/model', 'sluice/batch', 'sluice/client', 'server/api'],
  'server/metrics': [
    'sluice/protocol',
    'sluice/store',
    'sluice/targets',
    'sluice/batch',
    'sluice/client',
    'sluice/writer',
  ],
  'server/dashboard': ['sluice/protocol', 'sluice/model', 'sluice/store', 'sluice/operator', 'server/api'],
  'server/cli': ['sluice/*', 'server/*'],
  dev: ['sluice/*', 'server/*'],
  bench: ['sluice/*', 'server/api', 'server/cli', 'dev'],
  site: ['sluice/*', 'server/api', 'server/cli'],
};

/** The parts of a folder that each of its parts may import. Its other files put them together. */
const allowedFolders: Record<string, Record<string, string[]>> = {
  'sluice/batch': {
    coordinator: [],
    documents: ['coordinator'],
    tables: ['coordinator'],
    calls: ['coordinator'],
  },
  edfi: { model: [], projections: [], profile: ['model'] },
};

/** Libraries that only some packages may import. */
const reserved: Record<string, string[]> = {
  pg: ['sluice/store', 'bench'],
  'pg-listen': ['sluice/store'],
  fastify: ['server/api', 'server/dashboard', 'bench'],
  commander: ['server/cli'],
  'prom-client': ['server/metrics'],
  vitepress: ['site'],
  typedoc: ['site'],
};

const isDivided = (name: string): boolean => name === 'sluice' || name === 'server';

interface Manifest {
  private?: boolean;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

interface Import {
  package: string;
  /** `sluice/store`; the package itself where it is not divided. */
  folder: string;
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

const folders = new Set(imports.map(({ folder }) => folder));

/** The folder that a specifier leads to; undefined for libraries. */
function folderOf(specifier: string, from: string): string | undefined {
  if (specifier.startsWith('#')) return isDivided(from) ? `${from}/${specifier.slice(1)}` : from;
  if (specifier === 'sluice' || specifier === 'sluice/writer') return 'sluice/library';
  const inner = /^sluice\/(?:internal\/)?(\w+)$/.exec(specifier)?.[1];
  if (inner !== undefined) return `sluice/${inner}`;
  const [, name, part] = /^@sluice\/(\w+)(?:\/(\w+))?$/.exec(specifier) ?? [];
  if (name === 'server') return `server/${part === 'profile' ? 'api' : part}`;
  return name;
}

describe('the folders of packages', () => {
  test('all folders of packages are known to this test', () => {
    expect([...folders].filter((name) => !(name in allowed))).toEqual([]);
  });

  test('folders of packages import only what is below them', () => {
    const upward = production.filter(({ package: from, folder, specifier }) => {
      const to = folderOf(specifier, from);
      if (to === undefined || to === folder) return false;
      return !allowed[folder]?.some((name) => name === to || name === to.replace(/\/.*/, '/*'));
    });
    expect(upward.map(describeImport)).toEqual([]);
  });

  test('folders of packages declare what they import', () => {
    const undeclared = production.filter(({ package: from, specifier }) => {
      const name = libraryName(specifier);
      const { private: isPrivate, ...manifest } = manifests.get(from)!;
      const { dependencies, peerDependencies, optionalDependencies, devDependencies } = manifest;
      // What is not published runs only where everything is installed.
      const others = isPrivate === true ? devDependencies : {};
      const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies, ...others };
      return name !== undefined && !(name in declared);
    });
    expect(undeclared.map(describeImport)).toEqual([]);
  });

  test('a library is imported only by the folder that it belongs to', () => {
    const strays = production.filter(({ folder, specifier }) => {
      const keepers = reserved[libraryName(specifier) ?? ''];
      return keepers !== undefined && !keepers.includes(folder);
    });
    expect(strays.map(describeImport)).toEqual([]);
  });
});

test('nothing outside of @sluice/edfi knows of Ed-Fi, but for the table that names the package', () => {
  const knowing = packages
    // The site names each page of the documentation.
    .filter((name) => !['edfi', 'bench', 'site'].includes(name))
    .flatMap(readSources)
    .filter((file) => !/\.test\.ts$|\/test-support\.ts$/.test(file))
    .filter((file) => /\bed-?fi\b|apischema/i.test(readFileSync(join(root, file), 'utf8')));
  expect(knowing).toEqual(['packages/server/src/cli/config/format-package.ts']);
});

describe('an import', () => {
  test('an import of another folder names its package, never a path into it', () => {
    const paths = imports.filter(({ folder, file, specifier }) => {
      if (!specifier.startsWith('.')) return false;
      const target = resolve(root, file, '..', specifier);
      if (target.startsWith(join(root, 'test/support/'))) return !file.endsWith('.test.ts');
      return !target.startsWith(join(root, sourcesOf(folder), '/'));
    });
    expect(paths.map(describeImport)).toEqual([]);
  });

  test('an import inside a folder names a file, never the index', () => {
    const indexes = production.filter(
      ({ package: from, folder, file, specifier }) =>
        (!specifier.startsWith('#') && folderOf(specifier, from) === folder) ||
        (/^\.{1,2}(\/.*)?\/index\.[jt]s$/.test(specifier) && !file.endsWith('index.ts')),
    );
    expect(indexes.map(describeImport)).toEqual([]);
  });
});

describe('inside a folder', () => {
  /** Production imports between files of folders that have parts, as `part/file`; a file beside the parts has none. */
  const inside = production.flatMap((each) => {
    const folders = allowedFolders[each.folder];
    if (folders === undefined || !each.specifier.startsWith('.')) return [];
    const sources = join(root, sourcesOf(each.folder));
    const partOf = (path: string): string | null =>
      Object.keys(folders).find((folder) => path.startsWith(`${folder}/`)) ?? null;
    const from = partOf(relative(sources, join(root, each.file)));
    const to = partOf(relative(sources, resolve(root, each.file, '..', each.specifier)));
    return [{ ...each, from, to, folders }];
  });

  test('a part of a folder imports only the parts below it', () => {
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
    expect([...new Set(meeting.map(({ file }) => file))]).toEqual([
      'packages/sluice/src/batch/settle-batch.ts',
    ]);
  });
});

function sourcesOf(folder: string): string {
  const [name, part] = folder.split('/');
  return join('packages', name!, 'src', part ?? '');
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

function readImports(name: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return readSources(name).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].map((match) => ({
      package: name,
      folder: folderOfFile(name, file),
      file,
      specifier: match[1] ?? match[2] ?? match[3]!,
      isTest: /\.test\.tsx?$/.test(file),
    })),
  );
}

function readSources(name: string): string[] {
  const folder = join('packages', name, 'src');
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join(folder, file));
}

/** The library an import needs to have declared; undefined for files and for what Node brings. */
function libraryName(specifier: string): string | undefined {
  if (/^(\.|node:|#)/.test(specifier) || builtinModules.includes(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Packages that more than one folder makes up are divided. */
function folderOfFile(name: string, file: string): string {
  return isDivided(name) ? `${name}/${file.split('/')[3]}` : name;
}

function describeImport({ file, specifier }: Import): string {
  return `${file} imports ${specifier}`;
}
