/** The pause before the next try to connect: with full jitter, so that clients do not all return at the same time. */
import { randomInt } from 'node:crypto';

const firstMs = 50;
const longestMs = 2000;

/** @param failures Consecutive failed tries, from 0. */
export function reconnectDelayMs(failures: number): number {
  return randomInt(firstMs, Math.min(longestMs, 2 * firstMs * 2 ** Math.min(failures, 6)) + 1);
}
