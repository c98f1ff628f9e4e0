import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = import.meta.dirname;

// Workspace packages are loaded from their TypeScript sources, through the export condition `source`: no build is needed.
const conditions = ['source', 'node'];

const testFilesOf = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => `${folder}/${path}`);
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Files that change what others in the same process see, measure it, or load the machine, have a process of their own. */
const isAlone = (path: string): boolean =>
  /^test\/(?:chaos\/(?:chaos|scenarios)\.|simulation|browser)/.test(path) ||
  /\bvi\.mock\(|process\.(?:env\S* \?*=(?![=>])|on\(|once\(|chdir|cpuUsage)|TracerProvider/.test(
    textOf(path),
  );
/** The other files share processes, because a new process with its modules costs almost a second of CPU. */
const [shared, pure] = splitBy(
  [...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/src`), 'test']
    .flatMap(testFilesOf)
    .filter((path) => !isAlone(path)),
  (path) => path.startsWith('test/') || /useDatabase|startEmbedded|spawn/.test(textOf(path)),
);

function splitBy(paths: readonly string[], needsServer: (path: string) => boolean): [string[], string[]] {
  return [paths.filter(needsServer), paths.filter((path) => !needsServer(path))];
}

/** Projects in the order of their start: a process is shared only by files that come one after the other. */
const projects = ['alone', 'shared', 'pure'];
/** Files that take longest begin first in their project: half a minute each, then ten seconds. */
const long = [
  /\/test\/(?:chaos|simulation|browser|spec\/(?:database-failure|dev|packages|stores))\b/,
  /\/test\/spec\/(?:authentication|bench|cli|doctor|hostile-settings|locked-rows|metrics|operators|ownership|pooler|read-only|schemas|tls|uninstall|wakeups)\b/,
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const found = long.findIndex((each) => each.test(moduleId));
      return projects.indexOf(project.name) * 10 + (found === -1 ? long.length : found);
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

const globalSetup = ['test/support/postgres.ts'];
const setupFiles = ['test/support/start-file.ts'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // In which the global setup runs.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    // Much of a test is waiting.
    maxWorkers: process.env['CI'] ? 2 : Math.max(4, Math.floor(availableParallelism() / 2)),
    // On a shared machine that stalls, a test is tried a second time. The report marks it (retry x1): such a test is to be mended.
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // It matters only to a test that fails.
    expect: { poll: { timeout: 20_000 } },
    projects: [
      { extends: true, test: { name: 'pure', include: pure, isolate: false, setupFiles } },
      {
        extends: true,
        test: {
          name: 'shared',
          include: shared,
          isolate: false,
          globalSetup,
          setupFiles,
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...shared, ...pure],
          globalSetup,
        },
      },
    ],
  },
});
