/**
 * Finds out whether a URL leads through a pooler in transaction mode. Then no session state is reliable: settings of
 * one client would affect another (an asynchronous commit, for example), and locks and LISTEN would have no owner.
 * The answer is found once for each URL of a process, and shared by all connections. Settings are then made in each
 * transaction. Statements have no names, and are planned each time, unless the pooler keeps prepared statements.
 */
import { randomUUID } from 'node:crypto';
import { settleWithin } from '#protocol';
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
/** In session mode with a full pool, the longest wait for a transaction that does not start, in milliseconds. */
const patienceMs = 500;

/**
 * Checks, unless another call already has. A server tells each client its process id at the start; if the session
 * itself reports another one, a pooler is in between. Then two clients find out whether they share sessions of the
 * server.
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
    const isShared = await sharesSessions(first, pid, await open(), options);
    return isShared ? { keepsStatements: await keepsStatements(first, options) } : null;
  } catch (error) {
    throw reduceError(error, 'detect a pooler');
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
}

/**
 * In transaction mode, a client with a transaction has the session of the other client, or that one gets another
 * session. In session mode, the pooler may have no further session. Then the transaction does not start, and the
 * other client is answered although it asks later.
 */
async function sharesSessions(
  first: pg.Client,
  pid: number,
  second: pg.Client,
  options: ConnectionOptions,
): Promise<boolean> {
  for (;;) {
    const beginning = beginWithSettings(second, options).then(() => backendOf(second));
    if (await settleWithin([beginning], patienceMs)) {
      const isShared = (await beginning) === pid || (await isMoved(first, pid));
      await second.query('rollback');
      return isShared;
    }
    // A transaction that starts late would keep the first client from the only session.
    const ended = beginning.then(() => second.query('rollback'));
    // It fails with its connection if it is not awaited.
    ended.catch(() => undefined);
    const isMovedMeanwhile = await isMoved(first, pid);
    if (isMovedMeanwhile || !(await settleWithin([ended], 0))) return isMovedMeanwhile;
    await ended;
  }
}

/** Whether the client gets another session at some query. */
async function isMoved(client: pg.Client, pid: number): Promise<boolean> {
  for (let look = 0; look < looks; look++) if ((await backendOf(client)) !== pid) return true;
  return false;
}

/**
 * A pooler that knows the prepared statements of its clients renames them, because two clients may use one name.
 * Another pooler passes the given name on, and the statement stays under it in the session of the server.
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
    // The pooler takes no prepared statements.
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
