/** What passes between the processes of this machine, clients' HTTP included. Only where /proc tells it. */
import { readFileSync } from 'node:fs';

/** Bytes that the loopback device has carried so far, one way as the other; null: not known here. */
export function loopbackBytes(): number | null {
  try {
    const line = readFileSync('/proc/net/dev', 'utf8')
      .split('\n')
      .find((each) => each.trimStart().startsWith('lo:'));
    const bytes = Number(line?.split(':')[1]?.trim().split(/\s+/)[0]);
    return Number.isFinite(bytes) ? bytes : null;
  } catch {
    return null;
  }
}
