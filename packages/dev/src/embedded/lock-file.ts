// postmaster.pid, by which a PostgreSQL server locks its cluster and reports the progress of its start.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The process id of the server on this cluster; undefined: none. */
export async function findServer(cluster: string): Promise<number | undefined> {
  const pid = toPid(await readLines(cluster));
  return isAlive(pid) && (await isServer(pid)) ? pid : undefined;
}

/** Whether the server that is process `pid` accepts connections. */
export async function isReady(cluster: string, pid: number): Promise<boolean> {
  const lines = await readLines(cluster);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/**
 * Replaces the process id in the file by that of this process. After a crash the file stays, and its process id may
 * belong to another program, which would make the server refuse to start. The server knows that its parent is no
 * server, and still checks by the rest of the file that no process of the crashed one is left. Removing the file
 * would skip that check.
 */
export async function disownLockFile(cluster: string): Promise<void> {
  const lines = await readLines(cluster);
  const pid = toPid(lines);
  if (!isAlive(pid) || (await isServer(pid))) return;
  await writeFile(join(cluster, 'postmaster.pid'), [process.pid, ...lines.slice(1)].join('\n'));
}

async function readLines(cluster: string): Promise<string[]> {
  return (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
}

/** 0 if there is no lock file; a server in single-user mode writes a negative number. */
function toPid([first]: string[]): number {
  return Math.abs(Number(first)) || 0;
}

function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function isServer(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes('postgres');
}
