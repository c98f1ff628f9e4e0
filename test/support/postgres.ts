// Finds a PostgreSQL for the whole run: the one DATABASE_URL names, else a container if an engine can start one, else the
// embedded one. Then migrates one template, from which each test file clones its database.

import { chmod, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { ProvidedContext } from 'vitest';
import type { TestProject } from 'vitest/node';
import type { ClientOptions } from 'sluice/internal/client';
import { startEmbeddedPostgres } from '@sluice/dev/embedded';
import { applyRoles, migrate, roleKinds, roleName, type RoleKind } from 'sluice/internal/store';
import { keepServerFolder, makeServerFolder } from './server-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser URL of the server's maintenance database. */
    postgresUrl: string;
    /** Name of the migrated database to clone. */
    template: string;
    /** Folder for the data of servers that tests copy (own-server.ts). */
    preparedServers: string;
  }
}

interface Server {
  url: string;
  /** @param kept names of databases that failed tests have left. */
  stop(kept: string[]): Promise<void>;
}

const ENGINE_TIMEOUT_MS = 3_000;
/** The image may have to come from a registry. */
const CONTAINER_TIMEOUT_MS = 180_000;

interface Run {
  provided: ProvidedContext;
  stop(): Promise<void>;
}

/** Projects of vitest.config.ts that need the server share it, although each project loads this module itself. */
const sharing = ((globalThis as Record<symbol, unknown>)[Symbol.for('sluice tests')] ??= {
  projects: 0,
  run: null,
}) as { projects: number; run: Promise<Run> | null };

export default async function provide(project: TestProject): Promise<() => Promise<void>> {
  const run = await (sharing.run ??= startRun());
  sharing.projects += 1;
  project.provide('postgresUrl', run.provided.postgresUrl);
  project.provide('template', run.provided.template);
  project.provide('preparedServers', run.provided.preparedServers);
  return async () => {
    sharing.projects -= 1;
    if (sharing.projects > 0) return;
    sharing.run = null;
    await run.stop();
  };
}

async function startRun(): Promise<Run> {
  const server = await findServer();
  // Runs that share a server must not migrate one another's template.
  const template = `sluice_template_${process.pid}_${Date.now().toString(36)}`;
  try {
    await createTemplate(server.url, template);
  } catch (error) {
    await server.stop([]);
    throw error;
  }
  const preparedServers = await makeServerFolder('sluice-prepared-');
  // PostgreSQL has a user of its own.
  await chmod(preparedServers, 0o755);
  return {
    provided: { postgresUrl: server.url, template, preparedServers },
    async stop() {
      await rm(preparedServers, { recursive: true });
      await execute(server.url, `drop database ${template}`);
      const kept = await execute(
        server.url,
        `select datname from pg_database where datname like 'sluice\\_test\\_%'`,
      );
      await server.stop(kept.map(({ datname }) => datname as string));
    },
  };
}

async function createTemplate(url: string, template: string): Promise<void> {
  await execute(url, `create database ${template}`);
  await migrate({ url: databaseUrl(url, template) });
  await createRoles(databaseUrl(url, template));
  // PostgreSQL does not clone a database that anybody is connected to.
  await execute(url, `alter database ${template} with allow_connections false`);
}

export async function findServer(): Promise<Server> {
  const url = process.env['DATABASE_URL'];
  if (url) return { url, stop: async () => {} };
  // A version that is asked for is an embedded one.
  if (process.env['SLUICE_POSTGRES'] !== undefined || !(await engineAnswers())) return startEmbedded();
  try {
    return await startContainer();
  } catch (error) {
    const { message } = error as Error;
    console.error(`Tests use the embedded PostgreSQL: the container engine cannot start one: ${message}`);
    return startEmbedded();
  }
}

async function engineAnswers(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  const answered = getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
  return Promise.race([answered, delay(ENGINE_TIMEOUT_MS, false, { ref: false })]);
}

async function startContainer(): Promise<Server> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
  const starting = new PostgreSqlContainer('postgres:18-alpine')
    .withCommand(['postgres', '-c', 'max_connections=200', '-c', 'fsync=off'])
    .start();
  const container = await Promise.race([starting, delay(CONTAINER_TIMEOUT_MS, undefined, { ref: false })]);
  if (container === undefined) {
    starting.then((late) => late.stop()).catch(() => undefined);
    throw new Error(`it has not started within ${CONTAINER_TIMEOUT_MS / 1000} s`);
  }
  return { url: container.getConnectionUri(), stop: async () => void (await container.stop()) };
}

async function startEmbedded(): Promise<Server> {
  const dataDir = await makeServerFolder('sluice-test-');
  const server = await startEmbeddedPostgres({
    dataDir,
    settings: { fsync: 'off' },
    major: Number(process.env['SLUICE_POSTGRES'] ?? 18),
  });
  return {
    url: server.url,
    async stop(kept) {
      await server.stop();
      if (kept.length === 0) await rm(dataDir, { recursive: true });
      else
        console.error(
          `Kept the server's data folder with ${kept.join(', ')}: ${await keepServerFolder(dataDir)}`,
        );
    },
  };
}

/** Roles belong to the server, and so to all runs on it at the same time: they are the same for all. */
export const rolePrefix = 'sluice_test';
const rolePassword = 'sluice_test';

/** Makes the roles on a server, with their passwords, and gives them their rights on one database. */
export async function createRoles(url: string): Promise<void> {
  const passwords = Object.fromEntries(roleKinds.map((kind) => [kind, rolePassword]));
  await applyRoles({ url, prefix: rolePrefix, passwords });
}

/** The same database, of one or several servers, as one of the roles that processes log in as. */
export function roleUrl(urls: string, kind: RoleKind): string {
  const others = urls.split(',').map((url) => {
    const other = new URL(url);
    other.username = roleName(kind, rolePrefix);
    other.password = rolePassword;
    return other.href;
  });
  return others.join(',');
}

/** The role of a node: one that commits writes itself needs a writer's. */
export function nodeUrl(
  url: string,
  {
    mode,
    onOverload,
    fastPathWritesMax = 0,
  }: Pick<ClientOptions, 'mode' | 'onOverload' | 'fastPathWritesMax'>,
): string {
  const isOutside = mode !== undefined && mode !== 'coordinated';
  const writes = isOutside || onOverload === 'bypass' || fastPathWritesMax > 0;
  return roleUrl(url, writes ? 'writer' : 'api');
}

/** The URL of another database on the same server. */
export function databaseUrl(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = name;
  return other.href;
}

/** Runs one statement on a connection of its own. */
export async function execute(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
