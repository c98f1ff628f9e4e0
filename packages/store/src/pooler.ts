/**
 * Does a URL lead through a pooler in transaction mode? Then no session state may be relied on: settings of one client
 * would be met by another (an asynchronous commit, for one), locks and LISTEN would belong to nobody. Found out once for
 * each URL of a process, and known to all connections: settings are then made in each transaction, and statements are
 * sent without names.
 */
import type pg from 'pg';
import { connectClient, noteTransactionPooled, type ConnectionOptions } from './connection.ts';
import { reduceError } from './database-error.ts';
import { beginWithSettings } from './session-settings.ts';

const looks = 5;

/**
 * Looks, where nobody has looked before. A server tells each client its process id at the start: one that differs from
 * what the session says of itself is a pooler's. In transaction mode two clients then meet the same session, or one
 * client several.
 */
export async function detectPooler(options: ConnectionOptions): Promise<boolean> {
  let found = looked.get(options.url);
  if (found === undefined) {
    found = await detect(options);
    looked.set(options.url, found);
    noteTransactionPooled(options.url, found);
  }
  return found;
}

const looked = new Map<string, boolean>();

async function detect(options: ConnectionOptions): Promise<boolean> {
  const clients: pg.Client[] = [];
  const open = async (): Promise<pg.Client> => {
    const client = await connectClient(options);
    clients.push(client);
    return client;
  };
  try {
    const first = await open();
    const pid = await backendOf(first);
    if ((first as { processID?: number | null }).processID === pid) return false;
    const second = await open();
    await beginWithSettings(second, options);
    const pids = [await backendOf(second)];
    for (let look = 0; look < looks; look++) {
      const now = await backendOf(first);
      if (now !== pid) pids.push(pid);
    }
    await second.query('rollback');
    return pids.includes(pid);
  } catch (error) {
    throw reduceError(error, 'detect a pooler');
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}
