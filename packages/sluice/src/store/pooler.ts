/**
 * Does a URL lead through a pooler in transaction mode? Then no session state may be relied on: settings of one client
 * would be met by another (an asynchronous commit, for one), locks and LISTEN would belong to nobody. Found out once for
 * each URL of a process, and known to all connections: settings are then made in each transaction. Statements are sent
 * without names, and planned each time, unless the pooler keeps prepared statements.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import {
  connectClient,
  noteTransactionPooler,
  type ConnectionOptions,
  type TransactionPooler,
} from './connection.ts';
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
    const pooler = await detect(options);
    found = pooler !== null;
    looked.set(options.url, found);
    if (pooler !== null) noteTransactionPooler(options.url, pooler);
  }
  return found;
}

const looked = new Map<string, boolean>();

async function detect(options: ConnectionOptions): Promise<TransactionPooler | null> {
  const clients: pg.Client[] = [];
  const open = async (): Promise<pg.Client> => {
    const client = await connectClient(options);
    clients.push(client);
    return client;
  };
  try {
    const first = await open();
    const pid = await backendOf(first);
    if ((first as { processID?: number | null }).processID === pid) return null;
    const second = await open();
    await beginWithSettings(second, options);
    const pids = [await backendOf(second)];
    for (let look = 0; look < looks; look++) {
      const now = await backendOf(first);
      if (now !== pid) pids.push(pid);
    }
    await second.query('rollback');
    return pids.includes(pid) ? { keepsStatements: await keepsStatements(first, options) } : null;
  } catch (error) {
    throw reduceError(error, 'detect a pooler');
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
}

/**
 * A pooler that knows the prepared statements of its clients gives them names of its own, because two clients may use one
 * name. Another passes on the name that it was given, under which the statement then stays in the session of the server.
 */
async function keepsStatements(client: pg.Client, options: ConnectionOptions): Promise<boolean> {
  const name = `sluice_probe_${randomUUID().replaceAll('-', '')}`;
  const text = 'select count(*)::integer as named from pg_catalog.pg_prepared_statements where name = $1';
  await beginWithSettings(client, options);
  try {
    const { rows } = await client.query<{ named: number }>({ name, text, values: [name] });
    if (rows[0]?.named === 0) return true;
    await client.query(`deallocate ${name}`);
    return false;
  } catch (error) {
    // It takes none at all.
    if ((error as { severity?: unknown }).severity === 'ERROR') return false;
    throw error;
  } finally {
    await client.query('rollback');
  }
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}
