/** How busy a pool of connections is at this moment. */
import type pg from 'pg';

export interface PoolUsage {
  /** Connections that are lent out. */
  busy: number;
  /** Connections that wait to be lent. */
  idle: number;
  /** Those who wait for a connection. */
  waiting: number;
  /** Connections at most. */
  max: number;
}

export function usageOf(pool: pg.Pool): PoolUsage {
  const { totalCount, idleCount, waitingCount, options } = pool;
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount, max: options.max };
}
