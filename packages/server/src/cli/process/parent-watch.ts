/**
 * Notices the end of the process that started this one. A foreground command then stops, because no program waits for it, and
 * none is left to stop it. A process that was started to outlive its parent continues.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export const parentWatchMs = 500;

export interface ParentWatchOptions {
  /** A process of a deployment: a script may start it and end. Only npm is watched. @default false */
  isService?: boolean;
}

/** Calls back once. Does not keep the process alive. */
export function watchParent(onGone: () => void, { isService = false }: ParentWatchOptions = {}): void {
  if (mayOutliveParent(isService)) return;
  const before = starters();
  const timer = setInterval(() => {
    if (starters() === before) return;
    clearInterval(timer);
    onGone();
  }, parentWatchMs);
  timer.unref();
}

/** SIGHUP is ignored under nohup, but Node.js resets that when it starts. */
export function isUnderNohup(): boolean {
  // The shell tells each program its path; nohup passes that on.
  return basename(process.env['_'] ?? '') === 'nohup';
}

/**
 * A leader of a process group was put there by an interactive shell, which passes a closed terminal on as SIGHUP, by
 * setsid, or by a supervisor. What a shell left behind before this process looked belongs to process 1, which never ends.
 */
function mayOutliveParent(isService: boolean): boolean {
  if (process.platform === 'win32' || leadsGroup()) return true;
  const isByNpm = process.env['npm_execpath'] !== undefined;
  return !isByNpm && (isService || isUnderNohup() || isInBackground());
}

/** A script gives what it starts by `&` an empty standard input in place of its own. */
function isInBackground(): boolean {
  const input = (pid: number | 'self'): string => readlinkSync(`/proc/${pid}/fd/0`);
  try {
    const isShell = /^\w*sh$/m.test(readFileSync(`/proc/${process.ppid}/comm`, 'utf8'));
    return isShell && input('self') === '/dev/null' && input(process.ppid) !== '/dev/null';
  } catch {
    return false;
  }
}

function leadsGroup(): boolean {
  try {
    return process.kill(-process.pid, 0);
  } catch {
    return false;
  }
}

/**
 * The parent; and the parent's own where that is a `sh -c` that a program such as npm runs its commands by: the shell
 * outlives a killed npm. Only Linux tells; elsewhere the usual shells run a single command in their own place.
 */
function starters(): string {
  const parent = process.ppid;
  try {
    if (!/^\S*sh\0-\w*c\0/.test(readFileSync(`/proc/${parent}/cmdline`, 'latin1'))) return String(parent);
    const stat = readFileSync(`/proc/${parent}/stat`, 'latin1');
    const [, above, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A leader of a group is a job of an interactive shell, or stands alone.
    return Number(group) === parent ? String(parent) : `${parent} ${above}`;
  } catch {
    return String(parent);
  }
}
