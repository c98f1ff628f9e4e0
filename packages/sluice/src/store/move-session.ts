/** Sessions of a move, at the source and at the target, and the lock that keeps a second move away. */
import type pg from 'pg';
import { connectClient } from './connection.ts';
import { reduceError } from './database-error.ts';
import { lockKeysOf } from './schema.ts';
import { applySettings } from './session-settings.ts';

/** A move reads whole tables, for which the settings of all other sessions are wrong. */
const settings = { enable_seqscan: 'on', enable_hashjoin: 'on', enable_mergejoin: 'on' };

/** @throws {DatabaseError} the server cannot be reached */
export async function connectToMove(url: string): Promise<pg.Client> {
  const options = {
    url,
    applicationName: 'sluice move',
    answerTimeoutMs: 0,
    answerBytesMax: Infinity,
    settings,
  };
  try {
    const client = await connectClient(options);
    await applySettings(client, options);
    return client;
  } catch (error) {
    throw reduceError(error, 'move');
  }
}

/** False: another session moves the store. The lock is released when the session ends for any reason. */
export async function lockMove(client: pg.Client, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ is_mine: boolean }>('select pg_try_advisory_lock($1, 1) as is_mine', [
    lockKeysOf(schema).migration,
  ]);
  return rows[0]?.is_mine === true;
}
