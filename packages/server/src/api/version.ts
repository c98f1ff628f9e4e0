import { createRequire } from 'node:module';

/** Version of this package, and of the whole repository. */
export const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
