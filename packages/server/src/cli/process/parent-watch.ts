/**
 * Notices the end of the process that started this one. A foreground command then stops, because no program waits for it, and
 * none is left to stop it. A process that was started to outlive its parent continues.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export const parentWatchMs = 500;

export interface ParentWatchOptions {
  /** A process of a deployment: a script may start it and end, so only npm is watched. @default false */
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
  // The shell tells each program its path, and nohup passes that on.
  return basename(process.env['_'] ?? '') === 'nohup';
}

/**
 * The leader of a process group was made by an interactive shell (which passes a closed terminal on as SIGHUP), by
 * setsid, or by a supervisor. A process whose shell ended before this check belongs to process 1, which never ends.
 */
function mayOutliveParent(isService: boolean): boolean {
  if (process.platform === 'win32' || leadsGroup()) return true;
  const isByNpm = process.env['npm_execpath'] !== undefined;
  return !isByNpm && (isService || isUnderNohup() || isInBackground());
}

/** A script gives processes that it starts with `&` an empty standard input. */
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
 * The parent, and its own parent if it is a `sh -c` of a program such as npm, because the shell outlives a killed
 * npm. Only Linux shows this; elsewhere the usual shells replace themselves by a single command.
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
