import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** @default 20_000 */
  timeoutMs?: number;
  /** @default from 20 to 100, because a try often is a connection, which costs 11 ms of CPU */
  intervalMs?: number;
}

/** On a machine that stalls, a deadline alone would pass in the middle of the first try. */
const triesMin = 10;

/** Retries `assertion` until it holds and gives what it returns; after the deadline and ten tries, throws its last error. */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 20_000, intervalMs }: EventuallyOptions = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let tries = 0;
  for (let pauseMs = intervalMs ?? 20; ; pauseMs = intervalMs ?? Math.min(100, 1.2 * pauseMs)) {
    try {
      return await assertion();
    } catch (error) {
      tries += 1;
      if (Date.now() > deadline && tries >= triesMin) throw error;
    }
    await delay(pauseMs);
  }
}
