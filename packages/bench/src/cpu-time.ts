/** CPU time of processes on this machine, and of a PostgreSQL server by its process tree. Only with /proc. */
import { readdirSync, readFileSync } from 'node:fs';

const millisecondsPerTick = 10;

/** Milliseconds that the server and all its sessions, ended ones included, have used so far; null: unknown. */
export function serverCpuMs(pid: number | null): number | null {
  if (pid === null || process.platform !== 'linux') return null;
  try {
    let ticks = 0;
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const stat = readStat(Number(name));
      if (stat === null) continue;
      // The server counts the time of its ended children.
      if (stat.pid === pid) ticks += stat.own + stat.endedChildren;
      else if (stat.parent === pid) ticks += stat.own;
    }
    return ticks * millisecondsPerTick;
  } catch {
    return null;
  }
}

/** Milliseconds that these processes have used so far; null: unknown. */
export function processesCpuMs(pids: readonly number[]): number | null {
  if (process.platform !== 'linux') return null;
  return pids.reduce((sum, pid) => sum + (readStat(pid)?.own ?? 0), 0) * millisecondsPerTick;
}

function readStat(pid: number): { pid: number; parent: number; own: number; endedChildren: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may contain blanks.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent = 0] = fields;
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    return { pid, parent, own: user + system, endedChildren: childUser + childSystem };
  } catch {
    return null;
  }
}
