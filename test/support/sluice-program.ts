// The command line that tests start as a process: as it was built, which starts four times as fast, where the build is no
// older than the sources; else from its sources, as `npx sluice` does in a checkout.

import { fileURLToPath } from 'node:url';
import { isBuildFresh } from '../../packages/bench/src/code.ts';

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What `npx sluice` runs. */
export const sourceProgram = pathOf('../../packages/server/bin/sluice.js');

const isFresh = isBuildFresh();

export const sluiceProgram = isFresh ? pathOf('./built-sluice.mjs') : sourceProgram;

/** Arguments of Node for a TypeScript program of the tests, which loads the packages in the same way. */
export const programArgs = ['--import', 'tsx', ...(isFresh ? [] : ['--conditions=source'])];
