/** How long to rest before a connection is tried again: full jitter, so that all who lost theirs do not come back at once. */
import { randomInt } from 'node:crypto';

const firstMs = 50;
const longestMs = 2000;

/** @param failures Tries that have failed in a row, from 0. */
export function reconnectDelayMs(failures: number): number {
  return randomInt(firstMs, Math.min(longestMs, 2 * firstMs * 2 ** Math.min(failures, 6)) + 1);
}
