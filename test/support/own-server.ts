// A PostgreSQL server of a test's own, to be restarted, killed, filled and replaced.

import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@sluice/dev/embedded';
import { migrate } from 'sluice/internal/store';
import { onTestFinished } from 'vitest';
import { createRoles, databaseUrl, execute } from './postgres.ts';
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
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-own-'));
  const server = await serverIn(dataDir, settings, major);
  await execute(databaseUrl(server.url, 'postgres'), 'create database sluice');
  await migrate({ url: server.url });
  await createRoles(server.url);
  return server;
}

async function serverIn(
  dataDir: string,
  settings: Record<string, string>,
  major?: number,
): Promise<OwnServer> {
  const options = { dataDir, settings: { ...quick, ...settings }, ...(major === undefined ? {} : { major }) };
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
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-standby-'));
  const cluster = join(dataDir, 'cluster');
  await mkdir(cluster, { recursive: true });
  // Owner and modes as they are: the server refuses others.
  await run('cp', ['-a', `${primary.dataDir}/.`, dataDir]);
  await rm(join(dataDir, 'port'), { force: true });
  await cp(join(primary.dataDir, 'password'), join(dataDir, 'password'), { force: true });
  await writeFile(join(cluster, 'standby.signal'), '');
  await primary.start();
  const { hostname, port, password } = new URL(primary.url);
  return serverIn(dataDir, {
    primary_conninfo: `host=${hostname} port=${port} user=postgres password=${password} application_name=standby`,
    // What the copy keeps of the former address has to be left behind.
    hot_standby: 'on',
  });
}
