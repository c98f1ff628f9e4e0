import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** @default 20_000 */
  timeoutMs?: number;
  /** @default 20 */
  intervalMs?: number;
}

/** Retries `assertion` until it holds and gives what it returns; after the deadline, throws its last error. */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 20_000, intervalMs = 20 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await delay(intervalMs);
  }
}
