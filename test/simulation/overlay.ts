// The product in a copy, with the simulated server below it: five files of packages/store and npm's `uuid` are replaced,
// nothing else. A mutant is such a copy with a fault put into it.

import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const packages = ['protocol', 'model', 'store', 'batch', 'client', 'writer'];
const replaced = ['session.ts', 'session-pool.ts', 'database.ts', 'listener.ts', 'pooler.ts'];

/** One replacement of text that occurs once in a file, whose path is from the root. */
export interface Fault {
  file: string;
  from: string;
  to: string;
}

/** Makes the copy; the caller removes it. */
export async function createOverlay(faults: readonly Fault[] = []): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-simulation-'));
  try {
    await fill(folder);
    for (const fault of faults) await plant(folder, fault);
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
}

async function fill(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@sluice'), { recursive: true });
  await mkdir(join(modules, 'uuid'));
  const ours = new Set(['@sluice', 'uuid', '.bin', '.cache', '.package-lock.json', '.vite']);
  const libraries = (await readdir(join(root, 'node_modules'))).filter((name) => !ours.has(name));
  await Promise.all([
    ...libraries.map((name) => symlink(join(root, 'node_modules', name), join(modules, name))),
    ...packages.flatMap((name) => [
      copy(folder, `packages/${name}/src`),
      copy(folder, `packages/${name}/package.json`),
      symlink(join(folder, 'packages', name), join(modules, '@sluice', name)),
    ]),
    copy(folder, 'sql'),
    copy(folder, 'test/simulation'),
    copy(folder, 'test/chaos'),
    writeFile(join(folder, 'package.json'), '{ "type": "module" }'),
    writeFile(join(modules, 'uuid/package.json'), '{ "type": "module", "exports": "./index.js" }'),
    writeFile(
      join(modules, 'uuid/index.js'),
      `export * from '${join(folder, 'test/simulation/uuid.ts')}';\n`,
    ),
  ]);
  for (const file of replaced) {
    await writeFile(
      join(folder, 'packages/store/src', file),
      `export * from '${join(folder, 'test/simulation/store.ts')}';\n`,
    );
  }
}

function copy(folder: string, path: string): Promise<void> {
  return cp(join(root, path), join(folder, path), { recursive: true });
}

/** How often a fault could be planted there. */
export function countPlaces(text: string, from: string): number {
  return text.split(from).length - 1;
}

/** Puts a fault into the copy that is in the folder. */
export async function plant(folder: string, { file, from, to }: Fault): Promise<void> {
  const path = join(folder, file);
  const text = await readFile(path, 'utf8');
  const places = countPlaces(text, from);
  if (places !== 1)
    throw new Error(`Cannot plant a fault as its place occurs ${places} times in ${file}: ${from}`);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
}
