// A database of its own for each test file: advisory locks and notification channels are per database, so files that
// run side by side never meet.

import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { afterAll, beforeAll, expect, inject, type RunnerTask } from 'vitest';
import { databaseUrl, roleUrl } from './postgres.ts';
import { sql } from './sql.ts';

export interface TestDatabase {
  /** As a superuser, to look and to prepare. */
  url: string;
  /** As the role of a node in coordinated mode. */
  apiUrl: string;
  /** As the role of writers, and of nodes that write themselves. */
  writerUrl: string;
  /** As the role of operators. */
  opsUrl: string;
  name: string;
  drop(): Promise<void>;
}

/** Clones a migrated database. The caller drops it. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = inject('postgresUrl');
  const file = basename(expect.getState().testPath ?? '', '.test.ts').replaceAll(/\W/g, '_');
  const name = `sluice_test_${file.slice(0, 32)}_${randomBytes(4).toString('hex')}`;
  const template = inject('template');
  await sql(server, `create database ${name} template ${template}`);
  // What is granted on the database itself is not cloned.
  await sql(
    server,
    `do $$ begin execute (
       select string_agg(format('grant %s on database ${name} to %s', privilege_type, grantee::regrole), ';')
       from pg_database, aclexplode(datacl) where datname = '${template}' and grantee not in (0, datdba)
     ); end $$`,
  );
  const url = databaseUrl(server, name);
  return {
    url,
    apiUrl: roleUrl(url, 'api'),
    writerUrl: roleUrl(url, 'writer'),
    opsUrl: roleUrl(url, 'ops'),
    name,
    async drop() {
      await sql(server, `drop database if exists ${name} with (force)`);
    },
  };
}

/**
 * Gives the calling test file (or `describe`) a migrated database, whose URLs and name may be read inside hooks and tests. It is dropped at the end, unless a test failed: then it is kept and its name printed.
 */
export function useDatabase(): Readonly<Omit<TestDatabase, 'drop'>> {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(async ({}, suite) => {
    if (suite.tasks.some(hasFailed))
      console.error(`Kept the database of the failed tests: ${database?.name}`);
    else await database?.drop();
  });
  const opened = (): TestDatabase => {
    if (!database) throw new Error('Cannot use the database before the first hook or test has begun');
    return database;
  };
  return {
    get url() {
      return opened().url;
    },
    get apiUrl() {
      return opened().apiUrl;
    },
    get writerUrl() {
      return opened().writerUrl;
    },
    get opsUrl() {
      return opened().opsUrl;
    },
    get name() {
      return opened().name;
    },
  };
}

function hasFailed(task: RunnerTask): boolean {
  return task.result?.state === 'fail' || (task.type === 'suite' && task.tasks.some(hasFailed));
}
