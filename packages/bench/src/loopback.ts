/** Traffic between the processes of this machine, including HTTP of clients. Only with /proc. */
import { readFileSync } from 'node:fs';

/** Bytes that the loopback device has carried so far, in one direction; null: unknown. */
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
