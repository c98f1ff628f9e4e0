/**
 * Forward-only migrations: the files of sql/migrations in the order of their names, each once, with a checksum, all
 * under one advisory lock. So any number of processes may start at the same time.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { SluiceError } from '#protocol';
import type pg from 'pg';
import { connectClient } from './connection.ts';
import { reduceError } from './database-error.ts';
import { lockLimit, repeatAfterDeadlock, waitAloud, type LockWaitOptions } from './lock-wait.ts';
import { placeSchema, readPlacement } from './place-schema.ts';
import { query, sqlFolder } from './queries.ts';
import { assertSchema, defaultSchema, lockKeysOf, sqlFor } from './schema.ts';
import { beginWithSettings, type SessionSettings } from './session-settings.ts';

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
  /** The schema to create or upgrade. @default 'sluice' */
  schema?: string | undefined;
  /** Only reports what would run. @default false */
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
 * Brings the database to the schema of this version of the package. May be repeated.
 * @throws {SluiceError} `deployment_disagrees` if a migration that ran before has been changed, or is newer than this
 *   code; `database_unavailable` if a lock was not released within `waitMs`
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const { url, schema = defaultSchema, dryRun = false } = options;
  assertSchema(schema);
  // No time limit: it may wait for another migration, and large tables take long.
  const connection = {
    url,
    applicationName: 'sluice migrate',
    answerTimeoutMs: 0,
    settings,
    staysAtUrl: true,
  };
  const client = await connectClient(connection).catch((error: unknown) => {
    throw reduceError(error, 'migrate');
  });
  try {
    const waiting = { ...connection, settings: { ...settings, ...lockLimit(options) } };
    return await waitAloud(client, url, 'migrate', options, () =>
      repeatAfterDeadlock(client, () => runPending(client, waiting, schema, dryRun)),
    );
  } catch (error) {
    throw reduceError(error, 'migrate');
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function runPending(
  client: pg.Client,
  connection: SessionSettings,
  schema: string,
  dryRun: boolean,
): Promise<MigrateResult> {
  await beginWithSettings(client, connection);
  await assertEncoding(client);
  const placement = await readPlacement(client, schema);
  // A transaction lock, which is released when the session ends for any reason.
  await client.query('select pg_advisory_xact_lock($1, 0)', [lockKeysOf(schema).migration]);
  await assertOwnSchema(client, schema);
  const run = (sql: string): Promise<unknown> => client.query(sqlFor(schema, sql));
  await run(
    `create schema if not exists sluice;
     create table if not exists sluice.migration (
       version integer not null, name text not null, checksum text not null,
       applied_at timestamptz not null default clock_timestamp(),
       constraint migration_pkey primary key (version))`,
  );
  const { rows: ran } = await client.query<{ version: number; name: string; checksum: string }>(
    query('listMigrations', schema).text,
  );
  const pending = comparePending(ran);
  for (const migration of pending) {
    if (dryRun) continue;
    await run(migration.text);
    await client.query(query('noteMigration', schema).text, [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
  }
  if (!dryRun) await placeSchema(client, schema, placement);
  await client.query(dryRun ? 'rollback' : 'commit');
  return { applied: pending.map((migration) => migration.name), version: schemaVersion };
}

/** Settings for migrations, which read and write whole tables and create functions. */
const settings = {
  enable_seqscan: 'on',
  enable_hashjoin: 'on',
  enable_mergejoin: 'on',
  'plpgsql.extra_errors': 'none',
};

/**
 * Everything in the schema must belong to Sluice, and two schemas must not share their locks.
 * @throws {SluiceError} `configuration_invalid`
 */
async function assertOwnSchema(client: pg.ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query<{ name: string; is_ours: boolean }>(query('listSchemas').text, [
    schema,
  ]);
  const { migration: key } = lockKeysOf(schema);
  for (const { name, is_ours: isOurs } of rows) {
    if (name === schema ? isOurs : lockKeysOf(name).migration !== key) continue;
    const reason =
      name === schema ? 'it holds tables of others' : `its locks would be those of the schema "${name}"`;
    throw new SluiceError('configuration_invalid', `Cannot migrate the schema "${schema}": ${reason}`);
  }
}

/** Documents may have every character; a database in another encoding would refuse some writes. */
async function assertEncoding(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ encoding: string }>(
    `select current_setting('server_encoding') as encoding`,
  );
  const encoding = rows[0]?.encoding ?? '';
  if (encoding === 'UTF8') return;
  throw new SluiceError(
    'configuration_invalid',
    `Cannot migrate because the encoding of the database is ${encoding}, and documents need UTF8: ` +
      `create another database with "encoding 'UTF8' template template0"`,
    { detail: { encoding } },
  );
}

function comparePending(ran: readonly { version: number; name: string; checksum: string }[]): Migration[] {
  const known = new Map(readMigrations().map((migration) => [migration.version, migration]));
  for (const { version, name, checksum } of ran) {
    const migration = known.get(version);
    if (migration === undefined) {
      throw new SluiceError(
        'deployment_disagrees',
        `Cannot migrate: the database is newer than this program: ${name}`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new SluiceError(
        'deployment_disagrees',
        `Cannot migrate: a migration that ran before has changed: ${name}`,
      );
    }
    known.delete(version);
  }
  return [...known.values()];
}
