// node .ci/pack.mjs FOLDER
//
// Packs the packages that are published into tarballs, as `npm pack --json` does and says. It wants `npm run build`. Each is packed from a
// copy, because scripts of packages do not run (.npmrc), and its manifest is another than that of the repository.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isPrivate, publishedManifest } from './published-manifest.mjs';

const [given] = process.argv.slice(2);
if (given === undefined) {
  console.error('Cannot pack: name a folder for the tarballs');
  process.exit(2);
}
const folder = resolve(given);
mkdirSync(folder, { recursive: true });
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const copies = mkdtempSync(join(tmpdir(), 'sluice-pack-'));
try {
  const paths = readdirSync('packages')
    .filter((name) => !isPrivate(`packages/${name}`))
    .map((name) => {
      const copy = join(copies, name);
      const isWanted = (file) => !['node_modules', 'src'].includes(basename(file));
      cpSync(`packages/${name}`, copy, { recursive: true, filter: isWanted });
      writeFileSync(join(copy, 'package.json'), publishedManifest(`packages/${name}`));
      return copy;
    });
  process.stdout.write(execFileSync('npm', ['pack', '--json', '--pack-destination', folder, ...paths]));
} finally {
  rmSync(copies, { recursive: true });
}
