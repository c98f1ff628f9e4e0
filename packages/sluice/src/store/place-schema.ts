/**
 * Migrations where Citus is: with `citus.enable_schema_based_sharding`, Citus places the schema on one of its nodes.
 * They run on the coordinator: those of a new schema on local tables, later ones in the form that Citus passes on.
 */
import { readFileSync } from 'node:fs';
import { SluiceError } from '#protocol';
import type pg from 'pg';
import { sqlFolder } from './queries.ts';
import { quotedName } from './quoted-name.ts';
import { sqlFor } from './schema.ts';

interface Placement {
  /** Citus shards by schema. */
  isWanted: boolean;
  /** The tables are on a node that Citus chose. */
  isDone: boolean;
}

/**
 * Reads the placement. In this transaction, no new schema is sharded, and the home takes writes of the coordinator.
 * @throws {SluiceError} `configuration_invalid` on a worker
 */
export async function readPlacement(client: pg.ClientBase, schema: string): Promise<Placement> {
  const { rows } = await client.query<{ has_citus: boolean; shards: string | null }>(
    `select to_regclass('pg_dist_local_group') is not null as has_citus,
            current_setting('citus.enable_schema_based_sharding', true) as shards`,
  );
  if (rows[0]?.has_citus !== true) return { isWanted: false, isDone: false };
  const { rows: groups } = await client.query<{ groupid: number }>('select groupid from pg_dist_local_group');
  if (groups.some(({ groupid }) => groupid !== 0))
    throw refusal('this is a worker of Citus, which takes no new schema: use the URL of the coordinator');
  const { rows: tables } = await client.query(
    'select from pg_dist_partition where logicalrelid = to_regclass($1)',
    [quotedName(schema, 'setting')],
  );
  await client.query(
    `set local citus.enable_schema_based_sharding = off; set local citus.enable_unsafe_triggers = on;
     set local citus.propagate_set_commands = 'local'; set local sluice.migrates = 'on'`,
  );
  return { isWanted: rows[0].shards === 'on', isDone: tables.length > 0 };
}

/** Places the schema, unless that is done, and lets each of its tables refuse writes of other nodes. */
export async function placeSchema(
  client: pg.ClientBase,
  schema: string,
  { isWanted, isDone }: Placement,
): Promise<void> {
  if (!isWanted && !isDone) return;
  if (!isDone) await client.query('select citus_schema_distribute($1::regnamespace)', [quotedName(schema)]);
  await client.query(sqlFor(schema, readFileSync(`${sqlFolder}citus.sql`, 'utf8')));
}

function refusal(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot migrate because ${reason}`);
}
