// A folder of one embedded server: the cluster, its password, its port and its log. A second start finds the data of
// the first one, under the same URL.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { assertReachable, type Account } from './account.ts';
import { linkLibraries, programEnvironment, type Binaries } from './binaries.ts';
import { exists, makeFolder } from './make-folder.ts';

const run = promisify(execFile);

export interface DataFolder {
  root: string;
  cluster: string;
  log: string;
  portFile: string;
  password: string;
  /** For programs that work on this folder. */
  environment: NodeJS.ProcessEnv;
}

/** Opens the folder, and creates it and the cluster if they do not exist. */
export async function openDataFolder(
  dataDir: string,
  account: Account | undefined,
  binaries: Binaries,
  onLog: (line: string) => void,
): Promise<DataFolder> {
  const root = resolve(dataDir);
  await makeFolder(root);
  if (account) {
    // Only an empty folder changes its owner, because others may use a given folder, too.
    if ((await readdir(root)).length === 0) await chown(root, account.uid, account.gid);
    await assertReachable(root, account);
  }
  const folder = {
    root,
    cluster: join(root, 'cluster'),
    log: join(root, 'postgres.log'),
    portFile: join(root, 'port'),
    password: await readOrCreatePassword(join(root, 'password'), account),
    environment: programEnvironment(await linkLibraries(binaries, join(root, 'lib'))),
  };
  if (!(await exists(folder.cluster))) {
    onLog(`Creating a PostgreSQL cluster in ${root}`);
    await createCluster(folder, account, binaries);
  }
  return folder;
}

async function readOrCreatePassword(path: string, account: Account | undefined): Promise<string> {
  if (!(await exists(path))) {
    await writeFile(path, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    if (account) await chown(path, account.uid, account.gid);
  }
  return (await readFile(path, 'utf8')).trim();
}

/** The first PostgreSQL with a locale provider of its own; older ones compare by bytes. */
const firstBuiltinMajor = 17;

/** Under a temporary name until it is complete, so that an interrupted first start leaves nothing behind. */
async function createCluster(
  folder: DataFolder,
  account: Account | undefined,
  { initdb, major }: Binaries,
): Promise<void> {
  const partial = `${folder.cluster}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  if (account) await chown(partial, account.uid, account.gid);
  const options = [
    `--pgdata=${partial}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${join(folder.root, 'password')}`,
    '--encoding=UTF8',
    '--locale=C',
    ...(major >= firstBuiltinMajor ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
    '--no-instructions',
  ];
  try {
    await run(initdb, options, { ...account, cwd: folder.root, env: folder.environment });
  } catch (cause) {
    const reason = (cause as { stderr?: string }).stderr?.trim() ?? String(cause);
    throw new Error(`Cannot create a PostgreSQL cluster: initdb failed: ${folder.root}\n${reason}`, {
      cause,
    });
  }
  await rename(partial, folder.cluster);
}
