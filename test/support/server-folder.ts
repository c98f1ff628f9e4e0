// Where the servers of the tests keep their data: in memory where the machine has much of it. A run makes and drops hundreds
// of databases, and a tenth of its CPU goes into finding inodes for their files otherwise.

import { cp, mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './is-alive.ts';

const memory = '/dev/shm';
/** Several times what a run fills. */
const MEMORY_BYTES = 8 * 2 ** 30;
/** Of Linux (statfs(2)). */
const TMPFS_MAGIC = 0x01021994;

/** Makes a folder for the data of a server. The caller removes it. */
export async function makeServerFolder(prefix: string): Promise<string> {
  if (!(await isRoomy(memory))) return mkdtemp(join(tmpdir(), prefix));
  await removeLeft(prefix);
  return mkdtemp(join(memory, `${prefix}${process.pid}-`));
}

/** Frees the memory of folders that killed runs have left. */
async function removeLeft(prefix: string): Promise<void> {
  for (const name of await readdir(memory)) {
    const maker = name.startsWith(prefix) ? /^\d+(?=-)/.exec(name.slice(prefix.length)) : null;
    if (maker !== null && !isAlive(Number(maker[0])))
      await rm(join(memory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isRoomy(folder: string): Promise<boolean> {
  const found = await statfs(folder).catch(() => null);
  return found !== null && found.type === TMPFS_MAGIC && found.bavail * found.bsize >= MEMORY_BYTES;
}

/** Puts a folder that is kept to be looked at where it takes no memory. Returns where it is. */
export async function keepServerFolder(folder: string): Promise<string> {
  if (!folder.startsWith(memory)) return folder;
  const kept = await mkdtemp(join(tmpdir(), 'sluice-kept-'));
  await cp(folder, kept, { recursive: true });
  await rm(folder, { recursive: true });
  return kept;
}
