/** A pool of connections that can be closed although a server has gone silent: what is lent out then is cut off. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { poolConfig, type ConnectionOptions } from './connection.ts';
import { usageOf, type PoolUsage } from './pool-usage.ts';

/** A caller that still uses a connection when its pool is closed may finish within this time. */
const closeTimeoutMs = 1000;

export class Pool {
  readonly pool: pg.Pool;
  readonly #sockets = new Set<Socket>();

  constructor(options: ConnectionOptions, connectionsMax: number, isPipelined: boolean) {
    this.pool = new pg.Pool(poolConfig(options, connectionsMax, isPipelined, this.#sockets));
    // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
    this.pool.on('error', () => undefined);
  }

  get usage(): PoolUsage {
    return usageOf(this.pool);
  }

  async close(): Promise<void> {
    if (this.pool.ending) return;
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, closeTimeoutMs);
    await this.pool.end();
    clearTimeout(timer);
  }
}
