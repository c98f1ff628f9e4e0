#!/usr/bin/env node
// Starts the command line. In a checkout it runs from the TypeScript sources, so that `npx sluice` works without a build; a
// release has no sources, and an installation without the packages of development no tsx: both run what was built.

import { existsSync } from 'node:fs';
import { register } from 'node:module';

const main = new URL('../src/cli/main.ts', import.meta.url);
const tsx = existsSync(main) ? await import('tsx/esm/api').catch(() => null) : null;

if (tsx !== null) {
  // Workspace packages name their sources under the export condition `source`, which Node does not look for by itself.
  register(
    'data:text/javascript,' +
      encodeURIComponent(`
        export const resolve = (specifier, context, next) =>
          next(specifier, { ...context, conditions: ['source', ...context.conditions] });
      `),
  );
  tsx.register();
  await (await import(main.href)).main(process.argv.slice(2));
} else {
  await (await import('../dist/cli/main.js')).main(process.argv.slice(2));
}
