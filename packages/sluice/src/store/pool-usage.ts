/** The present use of a pool of connections. */
import type pg from 'pg';

export interface PoolUsage {
  /** Connections that are lent out. */
  busy: number;
  /** Connections that wait to be lent. */
  idle: number;
  /** Callers that wait for a connection. */
  waiting: number;
  /** Most connections. */
  max: number;
}

export function usageOf(pool: pg.Pool): PoolUsage {
  const { totalCount, idleCount, waitingCount, options } = pool;
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount, max: options.max };
}
