import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Workspace packages are loaded from their TypeScript sources, through the export condition `source`: no build is needed.
const conditions = ['source', 'node'];

/** Files that take longest begin first, so that none is left to run alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      /\/test\/(?:chaos|simulation|browser|spec\/(?:database-failure|dev|silence))\b/.test(moduleId);
    return (await super.sort(files)).sort((one, other) => Number(isLong(other)) - Number(isLong(one)));
  }
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // In which the global setup runs.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/support/postgres.ts'],
    pool: 'forks',
    // Much of a test is waiting.
    maxWorkers: process.env['CI'] ? 2 : Math.max(3, Math.floor(availableParallelism() / 2)),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
