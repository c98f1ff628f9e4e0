/** A pool of connections that can be closed even if a server is silent: lent connections are then cut off. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { poolConfig, type ConnectionOptions } from './connection.ts';
import { usageOf, type PoolUsage } from './pool-usage.ts';

/** Milliseconds for callers that still use a connection when its pool is closed. */
const closeTimeoutMs = 1000;

export class Pool {
  readonly pool: pg.Pool;
  readonly #sockets = new Set<Socket>();

  constructor(options: ConnectionOptions, connectionsMax: number, isPipelined: boolean) {
    this.pool = new pg.Pool(poolConfig(options, connectionsMax, isPipelined, this.#sockets));
    // A broken idle connection is replaced at its next use; without a listener, the error would end the process.
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
