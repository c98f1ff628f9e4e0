/**
 * Makes connections: one configuration for every session, pool and listener of a process, and the settings of each
 * kind of session. Values are parsed the same everywhere: int8 as number, times as ISO text.
 */
import { Socket } from 'node:net';
import pg from 'pg';
import { guardAnswers, type GuardedConnection } from './answer-guard.ts';
import { assertUrl, serverOf } from './connection-url.ts';
import { assertTakesWrites, serversOf, settingsOf } from './home.ts';
import { assertSchema } from './schema.ts';
import { applySettings } from './session-settings.ts';
import { addressOf, currentAddress } from './tls.ts';

export interface ConnectionOptions {
  /** `postgres://…`, possibly with several servers (hosts.ts). A transaction-mode pooler may serve it if no session state is needed. */
  url: string;
  /** Schema of the deployment. @default 'sluice' */
  schema?: string | undefined;
  /** Stays at the servers of the URL instead of going to the home of the schema: DDL belongs to the coordinator of Citus. */
  staysAtUrl?: boolean;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Session settings in addition to those of all sessions (session-settings.ts). */
  settings?: Readonly<Record<string, string>>;
  /** Milliseconds. @default 5000; in a pool 2000, including the wait for a free connection */
  connectTimeoutMs?: number;
  /**
   * Milliseconds without an answer after which the connection counts as lost. A half-open connection answers nothing,
   * and its socket reports nothing for a quarter of an hour. Longer than every limit of the server; 0: no limit.
   * @default 35000
   */
  answerTimeoutMs?: number;
  /** Most bytes of the answer to one statement; a longer one ends the connection. @default 384 MiB */
  answerBytesMax?: number;
}

const int8 = 20;
const timestamptz = 1184;
const uuidArray = 2951;

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === int8) return Number;
    if (oid === timestamptz) return isoTimeOf;
    if (oid === uuidArray) return uuidsOf;
    return pg.types.getTypeParser(oid, format);
  }) as pg.CustomTypesConfig['getTypeParser'],
};

/** In a session with another DateStyle, a time would be read as another one. */
function isoTimeOf(value: string): string {
  if (!/^\d{4,}-\d\d-\d\d /.test(value)) {
    throw new RangeError('Cannot read a time because the session writes it in another DateStyle than ISO');
  }
  return new Date(value).toISOString();
}

/** Elements are never NULL and need no quotes, so this costs a tenth of the driver's parser. */
function uuidsOf(literal: string): string[] {
  return literal === '{}' ? [] : literal.slice(1, -1).split(',');
}

/** See {@link ConnectionOptions.answerTimeoutMs}. */
export const defaultAnswerTimeoutMs = 35_000;

export function clientConfig(options: ConnectionOptions): pg.ClientConfig {
  return { ...ownConfig(options), ...currentAddress(options.url, options.schema) };
}

/** The configuration without the server. */
function ownConfig(options: ConnectionOptions): pg.ClientConfig {
  return {
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    query_timeout: options.answerTimeoutMs ?? defaultAnswerTimeoutMs,
    types,
  };
}

/** A client, connected to the first server of the URL that takes writes. `more` is added to its configuration. */
export async function connectClient(
  options: ConnectionOptions,
  prepare: (socket: Socket) => pg.ClientConfig = () => ({}),
): Promise<pg.Client> {
  const hosts = serversOf(options);
  return tryServers(options, async () => {
    const url = hosts.current;
    const socket = new Socket();
    const client = new pg.Client({
      ...ownConfig(options),
      ...addressOf(url),
      // The URL limits short statements, not work whose time depends on the size of tables.
      ...(options.answerTimeoutMs === 0 ? { query_timeout: 0 } : {}),
      ...prepare(socket),
      stream: () => socket,
    });
    guardClient(client, url, options);
    try {
      await client.connect();
      await assertTakesWrites(client, hosts, options);
      return client;
    } catch (error) {
      socket.destroy();
      hosts.leave(url);
      throw error;
    }
  });
}

/** A connection of the pool; if there are several servers, of the next one if the first fails. */
export function checkOut(pool: pg.Pool, options: ConnectionOptions): Promise<pg.PoolClient> {
  return tryServers(options, () => pool.connect());
}

/** Tries once for each server of the URL. */
async function tryServers<T>(options: ConnectionOptions, connect: () => Promise<T>): Promise<T> {
  const hosts = serversOf(options);
  let triesMax = hosts.count;
  for (let tries = 1; ; tries++) {
    try {
      return await connect();
    } catch (error) {
      // A try may have found the home of the schema.
      triesMax = Math.max(triesMax, hosts.count);
      if (tries >= triesMax) throw withDatabase(error, options.url);
    }
  }
}

/** The error that the server has no such database gets its name, which the server says in a sentence only. */
function withDatabase(error: unknown, url: string): unknown {
  const isAbsent = error instanceof pg.DatabaseError && error.code === '3D000';
  return isAbsent ? Object.assign(error, { database: serverOf(url).database }) : error;
}

/** The server of each client. */
const urlOfClient = new WeakMap<pg.ClientBase, string>();

function guardClient(client: pg.Client, url: string, { answerBytesMax }: ConnectionOptions): void {
  urlOfClient.set(client, url);
  // The types of the driver leave it out.
  const { connection } = client as unknown as { connection: GuardedConnection };
  guardAnswers(connection, answerBytesMax);
  // The next statement reports a broken connection; without a listener, the error would end the process.
  client.on('error', () => undefined);
}

/** The server of this client takes no writes, so the next connection goes to another one, if there is any. */
export function leaveServerOf(client: pg.ClientBase, options: ConnectionOptions): void {
  serversOf(options).leave(urlOfClient.get(client) ?? '');
}

/** Clients of a pool: each connects to the server that is current when the client is made. */
function pooledClient(options: ConnectionOptions, sockets: Set<Socket>): typeof pg.Client {
  const hosts = serversOf(options);
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      const url = hosts.current;
      const socket = new Socket();
      super({ ...(config as pg.ClientConfig), ...addressOf(url), stream: () => socket });
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      guardClient(this, url, options);
      let isUsed = false;
      this.once('connect', () => (isUsed = true));
      this.once('end', () => {
        if (!isUsed) hosts.leave(url);
      });
    }
  };
}

/** The configuration for a pool; `sockets` has its open connections. */
export function poolConfig(
  options: ConnectionOptions,
  connectionsMax: number,
  sockets: Set<Socket>,
): pg.PoolConfig {
  const hosts = serversOf(options);
  // Checked here, because a failure at the first connection would look like a network failure.
  assertUrl(options.url);
  if (options.schema !== undefined) assertSchema(options.schema);
  return {
    ...ownConfig(options),
    Client: pooledClient(options, sockets),
    // A caller of the pool learns soon that no connection is free.
    connectionTimeoutMillis: options.connectTimeoutMs ?? 2000,
    max: connectionsMax,
    // An idle connection keeps no process alive. If its server is silent, it would never end.
    allowExitOnIdle: true,
    pipeline: true,
    // pg-pool waits for the promise, although its types do not say so.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: async (client: pg.ClientBase) => {
      try {
        await assertTakesWrites(client, hosts, options);
      } catch (error) {
        hosts.leave(urlOfClient.get(client) ?? '');
        throw error;
      }
      if (!isTransactionPooled(options.url)) await applySettings(client, settingsOf(options));
    },
  };
}

/** The behaviour of a pooler in transaction mode (pooler.ts). */
export interface TransactionPooler {
  /** It knows the prepared statements of each client, in any session of the server. */
  keepsStatements: boolean;
}

/** By the URLs that lead through such a pooler. */
const transactionPoolers = new Map<string, TransactionPooler>();

export function noteTransactionPooler(url: string, pooler: TransactionPooler): void {
  transactionPoolers.set(url, pooler);
}

/** Whether a URL has no session state, so that settings are made in each transaction. */
export function isTransactionPooled(url: string): boolean {
  return transactionPoolers.has(url);
}

/** Whether statements may have names, so that the server reuses their plans. */
export function keepsStatements(url: string): boolean {
  return transactionPoolers.get(url)?.keepsStatements ?? true;
}

/** Ends a client in order, or else its socket, because a half-open connection never reports its end. */
export async function endWithin(
  milliseconds: number,
  client: pg.Client,
  socket: Socket | undefined,
): Promise<void> {
  const timer = setTimeout(() => socket?.destroy(), milliseconds);
  try {
    await client.end();
  } finally {
    clearTimeout(timer);
  }
}
