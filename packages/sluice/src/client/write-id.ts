import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

/** Random bytes for the next 512 ids, because each call costs as much as four ids. */
const pool = new Uint8Array(8192);
let used = pool.length;

/**
 * A UUIDv7. Ids of one millisecond are not ordered; nothing depends on that, because the database counts arrivals.
 * @param now Milliseconds by the database's clock, so that ids of several nodes are roughly in order.
 */
export function newWriteId(now: number): string {
  return uuidv7({ rng: nextRandom, msecs: Math.floor(now) });
}

function nextRandom(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.subarray(used, (used += 16));
}
