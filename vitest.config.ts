import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = import.meta.dirname;

// Workspace packages are loaded from their TypeScript sources, through the export condition `source`: no build is needed.
const conditions = ['source', 'node'];

/** Files that take longest begin first, so that none is left to run alone at the end: half a minute each, then ten seconds. */
const long = [
  /\/test\/(?:chaos|simulation|browser|spec\/(?:database-failure|dev))\b/,
  /\/test\/spec\/(?:authentication|cli|hostile-settings|locked-rows|metrics|operators|ownership|read-only|silence|tls|wakeups)\b/,
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = long.findIndex((each) => each.test(moduleId));
      return found === -1 ? long.length : found;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

/** Tests of packages that need no database and change nothing that others see: they share a process and its modules. */
const sharing = readdirSync(join(root, 'packages')).flatMap((name) =>
  readdirSync(join(root, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => `packages/${name}/src/${path}`)
    .filter(
      (path) =>
        !/useDatabase|startEmbedded|\bvi\.|process\.(?:env|on|chdir|kill)|spawn/.test(
          readFileSync(join(root, path), 'utf8'),
        ),
    ),
);

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // In which the global setup runs.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    // Much of a test is waiting.
    maxWorkers: process.env['CI'] ? 2 : Math.max(3, Math.floor(availableParallelism() / 2)),
    // On a shared machine that stalls, a test is tried a second time. The report marks it (retry x1): such a test is to be mended.
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // It matters only to a test that fails.
    expect: { poll: { timeout: 20_000 } },
    projects: [
      { extends: true, test: { name: 'pure', include: sharing, isolate: false } },
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...sharing],
          globalSetup: ['test/support/postgres.ts'],
        },
      },
    ],
  },
});
