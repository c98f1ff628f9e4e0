// The product in a copy, with the simulated server below it: five files of packages/sluice/src/store and npm's `uuid` are replaced,
// nothing else. A mutant is such a copy with a fault put into it.

import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const replaced = ['session.ts', 'session-pool.ts', 'database.ts', 'listener.ts', 'pooler.ts'];

/** Something wrong that is put into the copy. */
export interface Fault {
  plant(folder: string): Promise<void>;
}

/** Makes the copy; the caller removes it. */
export async function createOverlay(faults: readonly Fault[] = []): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-simulation-'));
  try {
    await fill(folder);
    for (const fault of faults) await fault.plant(folder);
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
}

async function fill(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, 'uuid'), { recursive: true });
  const ours = new Set(['sluice', '@sluice', 'uuid', '.bin', '.cache', '.package-lock.json', '.vite']);
  const libraries = (await readdir(join(root, 'node_modules'))).filter((name) => !ours.has(name));
  await Promise.all([
    ...libraries.map((name) => symlink(join(root, 'node_modules', name), join(modules, name))),
    copy(folder, 'packages/sluice/src'),
    copy(folder, 'packages/sluice/package.json'),
    symlink(join(folder, 'packages/sluice'), join(modules, 'sluice')),
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
      join(folder, 'packages/sluice/src/store', file),
      `export * from '${join(folder, 'test/simulation/store.ts')}';\n`,
    );
  }
}

function copy(folder: string, path: string): Promise<void> {
  return cp(join(root, path), join(folder, path), { recursive: true });
}
