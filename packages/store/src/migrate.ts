/**
 * Forward-only migrations: the files of sql/migrations in the order of their names, each once, each with a checksum,
 * all under one advisory lock, so that any number of processes may start at the same time.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type pg from 'pg';
import { SluiceError } from '@sluice/protocol';
import { connectClient } from './connection.ts';
import { reduceError } from './database-error.ts';
import { waitAloud, type LockWaitOptions } from './lock-wait.ts';
import { lockKeys } from './names.ts';
import { sqlFolder } from './queries.ts';

export interface Migration {
  version: number;
  name: string;
  checksum: string;
  text: string;
}

export interface MigrateResult {
  /** Names of the migrations that this call ran. */
  applied: string[];
  /** Version of the schema after the call. */
  version: number;
}

export interface MigrateOptions extends LockWaitOptions {
  url: string;
  /** Only say what would run. @default false */
  dryRun?: boolean;
}

export function readMigrations(): Migration[] {
  const folder = `${sqlFolder}migrations/`;
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const text = readFileSync(folder + file, 'utf8');
      const checksum = createHash('sha256').update(text).digest('hex');
      return { version: Number.parseInt(file, 10), name: file.replace(/\.sql$/, ''), checksum, text };
    });
}

/** Version of the schema that this code was written for. */
export const schemaVersion: number = readMigrations().at(-1)?.version ?? 0;

/**
 * Brings the database to {@link schemaVersion}. Harmless to repeat.
 * @throws {SluiceError} `deployment_disagrees` if a migration that ran before has been changed, or is newer than this code;
 *   `database_unavailable` if a lock was not given back within `waitMs`
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  // Patient: it may wait for another's migration, and its own may take as long as the tables are large.
  const client = await connectClient({
    url: options.url,
    applicationName: 'sluice migrate',
    answerTimeoutMs: 0,
  }).catch((error: unknown) => {
    throw reduceError(error, 'migrate');
  });
  try {
    return await waitAloud(client, options.url, 'migrate', options, () => runPending(client, options));
  } catch (error) {
    throw reduceError(error, 'migrate');
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function runPending(client: pg.Client, { dryRun = false }: MigrateOptions): Promise<MigrateResult> {
  await client.query('begin');
  // A transaction lock: given back by whatever ends the session.
  await client.query('select pg_advisory_xact_lock($1, 0)', [lockKeys.migration]);
  await client.query(
    `create schema if not exists sluice;
     create table if not exists sluice.migration (
       version integer not null, name text not null, checksum text not null,
       applied_at timestamptz not null default clock_timestamp(),
       constraint migration_pkey primary key (version))`,
  );
  const { rows: ran } = await client.query<{ version: number; name: string; checksum: string }>(
    'select version, name, checksum from sluice.migration order by version',
  );
  const pending = comparePending(ran);
  for (const migration of pending) {
    if (dryRun) continue;
    await client.query(migration.text);
    await client.query('insert into sluice.migration (version, name, checksum) values ($1, $2, $3)', [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
  }
  await client.query(dryRun ? 'rollback' : 'commit');
  return { applied: pending.map((migration) => migration.name), version: schemaVersion };
}

function comparePending(ran: readonly { version: number; name: string; checksum: string }[]): Migration[] {
  const known = new Map(readMigrations().map((migration) => [migration.version, migration]));
  for (const { version, name, checksum } of ran) {
    const migration = known.get(version);
    if (migration === undefined) {
      throw new SluiceError(
        'deployment_disagrees',
        `Cannot migrate as the database is newer than this program: ${name}`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new SluiceError(
        'deployment_disagrees',
        `Cannot migrate as a migration that ran before has changed: ${name}`,
      );
    }
    known.delete(version);
  }
  return [...known.values()];
}
