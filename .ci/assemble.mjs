// node .ci/assemble.mjs FOLDER
//
// Puts together what a release and the image are made of: the built packages, what they need at run time, the SQL, the
// files of deploy/ and the documentation. It wants `npm ci` and `npm run build`. No sources go along, so that nothing runs
// from them, no tests, and no source maps, which would lead nowhere.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isPrivate, publishedManifest } from './published-manifest.mjs';

const [folder] = process.argv.slice(2);
if (folder === undefined || (existsSync(folder) && readdirSync(folder).length > 0)) {
  console.error('Cannot assemble a release: name a folder that is new or empty');
  process.exit(2);
}
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

const files = ['README.md', 'LICENSE', 'CHANGELOG.md', 'ARCHITECTURE.md', 'SECURITY.md', 'docs', 'deploy'];
for (const file of files) copy(file);
const manifest = readJson('package.json');
for (const part of ['devDependencies', 'scripts', 'workspaces']) delete manifest[part];
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

for (const path of readdirSync('packages').map((name) => `packages/${name}`)) {
  // What is not published is no part of a release, either.
  if (isPrivate(path)) continue;
  if (!existsSync(`${path}/dist`)) throw new Error(`Cannot assemble a release: ${path} is not built`);
  for (const part of ['README.md', 'bin', 'assets', 'sql']) copy(`${path}/${part}`);
  mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, path, 'package.json'), publishedManifest(path));
  // What an older build left behind has no source any more.
  copy(`${path}/dist`, (file) =>
    existsSync(file.replace('/dist/', '/src/').replace(/(\.d\.ts|\.js)$/, '.ts')),
  );
}

// The lockfile says what is for development only, and what is optional: the embedded PostgreSQL of `sluice dev`.
for (const [path, locked] of Object.entries(readJson('package-lock.json').packages)) {
  if (!path.includes('node_modules/') || locked.dev || locked.optional || locked.devOptional) continue;
  const owner = locked.link ? locked.resolved : /^packages\/[^/]+/.exec(path)?.[0];
  if (owner !== undefined && isPrivate(owner)) continue;
  if (locked.link) link(join(folder, path), join(folder, locked.resolved));
  else copy(path);
}
link(join(folder, 'node_modules/.bin/sluice'), join(folder, 'packages/server/bin/sluice.js'));

function copy(path, isWanted = () => true) {
  if (!existsSync(path)) return;
  cpSync(path, join(folder, path), {
    recursive: true,
    verbatimSymlinks: true,
    // What a package has in its own node_modules stands in the lockfile by itself.
    filter: (source) => source === path || (basename(source) !== 'node_modules' && isWanted(source)),
  });
}

function link(path, target) {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(relative(dirname(path), target), path);
}
