// A database of its own for each test file: advisory locks and notification channels are per database, so files that
// run side by side never meet.

import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { afterAll, beforeAll, expect, inject, type RunnerTask } from 'vitest';
import { databaseUrl, execute } from './postgres.ts';

export interface TestDatabase {
  url: string;
  name: string;
  drop(): Promise<void>;
}

/** Clones a migrated database. The caller drops it. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = inject('postgresUrl');
  const file = basename(expect.getState().testPath ?? '', '.test.ts').replaceAll(/\W/g, '_');
  const name = `sluice_test_${file.slice(0, 32)}_${randomBytes(4).toString('hex')}`;
  await execute(server, `create database ${name} template ${inject('template')}`);
  return {
    url: databaseUrl(server, name),
    name,
    async drop() {
      await execute(server, `drop database if exists ${name} with (force)`);
    },
  };
}

/**
 * Gives the calling test file (or `describe`) a migrated database, whose `url` and `name` may be read inside hooks and
 * tests. It is dropped at the end, unless a test failed: then it is kept and its name printed.
 */
export function useDatabase(): Readonly<Pick<TestDatabase, 'url' | 'name'>> {
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
    get name() {
      return opened().name;
    },
  };
}

function hasFailed(task: RunnerTask): boolean {
  return task.result?.state === 'fail' || (task.type === 'suite' && task.tasks.some(hasFailed));
}
