/**
 * The home of a schema that Citus places on one of its nodes: sql/citus.sql lets only sessions of that node write. Each
 * new connection asks for it, so a process finds the schema again after `citus_schema_move`: the old node refuses its
 * writes as a standby does (25006). Without Citus, a process asks once.
 */
import type pg from 'pg';
import { DatabaseError } from './database-error.ts';
import { hostsOf, type Hosts } from './hosts.ts';
import { defaultSchema, sqlFor } from './schema.ts';
import type { SessionSettings } from './session-settings.ts';

interface Place {
  url: string;
  schema?: string | undefined;
  /** For DDL, which belongs to the coordinator of Citus. */
  staysAtUrl?: boolean;
}

export function serversOf({ url, schema, staysAtUrl = false }: Place): Hosts {
  // No schema has an empty name.
  return hostsOf(url, staysAtUrl ? '' : schema);
}

/** If there are several servers, a read-only one is not used, nor is a node of Citus without the schema. */
export async function assertTakesWrites(
  client: pg.ClientBase,
  hosts: Hosts,
  { schema, staysAtUrl = false }: Place,
): Promise<void> {
  if (hosts.count > 1) {
    const { rows } = await client.query<{ is_standby: boolean }>('select pg_is_in_recovery() as is_standby');
    if (rows[0]?.is_standby !== false) {
      throw new DatabaseError({ sqlState: '25006', message: 'the server is a standby' });
    }
  }
  if (!staysAtUrl) await assertHome(client, hosts, schema);
}

/** @throws {DatabaseError} 25006 if the home is another node; `hosts` knows it then */
async function assertHome(
  client: pg.ClientBase,
  hosts: Hosts,
  schema: string = defaultSchema,
): Promise<void> {
  if (hosts.isPlaced === null) {
    // A search by name would fail for a role without rights to the schema.
    const { rows } = await client.query<{ is_placed: boolean }>(
      `select exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
                      where p.proname = 'find_home' and n.nspname = $1) as is_placed`,
      [schema],
    );
    hosts.isPlaced = rows[0]?.is_placed === true;
  }
  if (!hosts.isPlaced) return;
  const { rows } = await client.query<{ address: string | null }>(
    sqlFor(schema, 'select sluice.find_home() as address'),
  );
  const address = rows[0]?.address ?? null;
  if (address === null) return;
  hosts.goHome(address);
  throw new DatabaseError({ sqlState: '25006', message: 'the schema is at another node' });
}

/** Whether Citus places the schema on one of its nodes, as far as the connections of this process know. */
export function isPlaced({ url, schema }: Place): boolean {
  return hostsOf(url, schema).isPlaced === true;
}

/** Citus plans no statement whose parameters it does not know. Statements may call functions that read tables, because all tables are on this node. */
const placedSettings = { plan_cache_mode: 'auto', 'citus.allow_nested_distributed_execution': 'on' };

/** The settings of a connection. */
export function settingsOf(options: Place & SessionSettings): SessionSettings {
  if (!isPlaced(options)) return options;
  return { ...options, settings: { ...placedSettings, ...options.settings } };
}

/** If Citus passes a statement to another node, the error may lose its SQLSTATE. The home is there now. */
export function asMoved(error: Error, isPlacedSchema: boolean): Error {
  if (!isPlacedSchema || !(error instanceof DatabaseError) || error.sqlState !== 'XX000') return error;
  return new DatabaseError({ sqlState: '25006', statement: error.statement, message: error.message });
}
