// Puts a copy of sql/ into the package that is published with it: the last step of the build.
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('packages/sluice/sql', { recursive: true, force: true });
cpSync('sql', 'packages/sluice/sql', { recursive: true });
