/** The connections of a contender without a batch of its own: one for each request under way. */
import pg from 'pg';
import type { ContenderOptions } from './contender.ts';

export function contenderPool({ url, poolMax }: ContenderOptions, name: string): pg.Pool {
  return new pg.Pool({ connectionString: url, max: poolMax, application_name: `sluice bench ${name}` });
}

/** Connects all of them, so that no client's first document waits for it. */
export async function connectAll(pool: pg.Pool): Promise<void> {
  const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()));
  for (const client of clients) client.release();
}
