import { defineConfig } from 'vitest/config';

// Workspace packages are loaded from their TypeScript sources, through the export condition `source`: no build is needed.
const conditions = ['source', 'node'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // In which the global setup runs.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/postgres.ts'],
    pool: 'forks',
    maxWorkers: process.env['CI'] ? 2 : '50%',
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
