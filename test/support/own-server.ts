// A PostgreSQL server of a test's own, to be restarted, killed, filled and replaced.

import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgresOptions,
  type EmbeddedPostgres,
} from '@sluice/dev/embedded';
import { migrate } from 'sluice/internal/store';
import { inject, onTestFinished } from 'vitest';
import { createRoles, databaseUrl, execute } from './postgres.ts';
import { makeServerFolder } from './server-folder.ts';
import { sql, type SqlRow } from './sql.ts';

const run = promisify(execFile);
/** Documents are not flushed to a disk that no test takes away; a killed server loses nothing by that. */
const quick = { fsync: 'off', shared_buffers: '32MB' };

export interface OwnServer {
  /** Of a migrated database. */
  readonly url: string;
  /** Ends it in order and starts it again. */
  restart(): Promise<void>;
  /** Ends it as a crash does: nobody is told. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly dataDir: string;
  sql(text: string, values?: unknown[]): Promise<SqlRow[]>;
}

/** Starts one for the length of the test. */
export async function startOwnServer(
  settings: Record<string, string> = {},
  major?: number,
): Promise<OwnServer> {
  const dataDir = await makeServerFolder('sluice-own-');
  await copyFolder(await preparedFolder(major), dataDir);
  return serverIn(dataDir, settings, major);
}

/**
 * The folder of a server with a migrated database, made once for a run. Two files that need it at the same moment both make one,
 * and the second uses the first.
 */
async function preparedFolder(major?: number): Promise<string> {
  const prepared = join(inject('preparedServers'), String(major ?? 'default'));
  if (existsSync(prepared)) return prepared;
  const dataDir = await mkdtemp(`${prepared}-`);
  const server = await startEmbeddedPostgres(optionsOf(dataDir, {}, major));
  try {
    await execute(databaseUrl(server.url, 'postgres'), 'create database sluice');
    const url = databaseUrl(server.url, 'sluice');
    await migrate({ url });
    await createRoles(url);
  } finally {
    await server.stop();
  }
  await rename(dataDir, prepared).catch((error: unknown) => {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  });
  return prepared;
}

/** Owner and modes as they are, because the server refuses others. The copy gets a port of its own. */
async function copyFolder(from: string, to: string): Promise<void> {
  await run('cp', ['-a', `${from}/.`, to]);
  await rm(join(to, 'port'), { force: true });
}

const optionsOf = (
  dataDir: string,
  settings: Record<string, string>,
  major?: number,
): EmbeddedPostgresOptions => ({
  dataDir,
  settings: { ...quick, ...settings },
  ...(major === undefined ? {} : { major }),
});

async function serverIn(
  dataDir: string,
  settings: Record<string, string>,
  major?: number,
): Promise<OwnServer> {
  const options = optionsOf(dataDir, settings, major);
  let server: EmbeddedPostgres = await startEmbeddedPostgres(options);
  const { port } = server;
  const start = async (): Promise<void> => {
    server = await startEmbeddedPostgres({ ...options, port });
  };
  onTestFinished(async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const url = databaseUrl(server.url, 'sluice');
  return {
    url,
    dataDir,
    start,
    stop: () => server.stop(),
    async restart() {
      await server.stop();
      await start();
    },
    async kill() {
      server.kill('SIGKILL');
      await server.exited;
    },
    sql: (text, values = []) => sql(url, text, values),
  };
}

/** Copies the server, which is stopped for that, into a standby that follows it. */
export async function startStandby(primary: OwnServer): Promise<OwnServer> {
  await primary.stop();
  const dataDir = await makeServerFolder('sluice-standby-');
  await copyFolder(primary.dataDir, dataDir);
  await writeFile(join(dataDir, 'cluster/standby.signal'), '');
  await primary.start();
  const { hostname, port, password } = new URL(primary.url);
  return serverIn(dataDir, {
    primary_conninfo: `host=${hostname} port=${port} user=postgres password=${password} application_name=standby`,
    // What the copy keeps of the former address has to be left behind.
    hot_standby: 'on',
  });
}
