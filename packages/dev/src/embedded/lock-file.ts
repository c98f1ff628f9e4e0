// postmaster.pid, through which a PostgreSQL server holds its cluster and tells how far its start has come.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The process that runs a server on this cluster, if any does. */
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
 * After a crash the file stays, and its process number may by now be somebody else's, which would make the server
 * refuse to start. We put our own number there: the server knows its parent not to be a server, and still checks by the
 * rest of the file that no process of the crashed one is left. Removing the file would skip that check.
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

/** 0 when there is no lock file; a server started in single-user mode writes its number as a negative one. */
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
