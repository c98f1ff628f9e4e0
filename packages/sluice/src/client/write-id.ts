import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

/** Random bytes for the next 512 ids: each call for more costs as much as making four ids of them. */
const pool = new Uint8Array(8192);
let used = pool.length;

/**
 * A UUIDv7. Ids of one millisecond are in no order: nothing rests on it, and arrival is counted by the database.
 * @param now By the database's clock, so that ids of several nodes, and documents listed by them, are about in order.
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
