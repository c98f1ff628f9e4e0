// Puts copies into the packages that are published with them: sql/ and the licence. The last step of the build.
import { cpSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('packages/sluice/sql', { recursive: true, force: true });
cpSync('sql', 'packages/sluice/sql', { recursive: true });
for (const name of readdirSync('packages')) {
  const { private: isPrivate } = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'));
  if (isPrivate !== true) cpSync('LICENSE', `packages/${name}/LICENSE`);
}
