/**
 * Closes a deployment to all writes while its rows are moved to another database, and opens it again. The database
 * refuses processes that still work here: it neither accepts nor settles their writes, so none is lost.
 */
import { SluiceError } from '#protocol';
import type pg from 'pg';
import { waitAloud, type LockWaitOptions } from './lock-wait.ts';
import { inPatientTransaction } from './patient-transaction.ts';
import { query } from './queries.ts';
import { lockKeysOf, sqlFor } from './schema.ts';

interface FencePlace {
  url: string;
  schema: string;
}

/**
 * Every write starts with a row of the intake or ends with one of the outcomes. A key that an operator revokes after the
 * copy would be valid at the new place.
 */
const fenced = ['api_key', 'intake', 'outcome'];

/** Longest wait for a table lock, because clients wait meanwhile; if it fails, the store stays where it is. */
const lockWaitMs = 20_000;

/**
 * Waits for the transactions that use the tables now. Existing rows stay unchanged.
 * @throws {SluiceError} `database_unavailable` if their locks were not released in time
 */
export function fenceStore(
  { url, schema }: FencePlace,
  { waitMs = lockWaitMs, ...how }: LockWaitOptions = {},
): Promise<void> {
  const add = async (client: pg.Client): Promise<void> => {
    for (const table of fenced) {
      const text = `alter table sluice.${table} add constraint store_has_moved check (false) not valid`;
      await client.query(sqlFor(schema, text));
    }
  };
  return inPatientTransaction({ url, schema, waitMs }, 'move', (client) =>
    waitAloud(client, url, 'move', { ...how, waitMs }, () => add(client)),
  );
}

/**
 * Has no effect without a fence.
 * @param options.isAlone Checks that no other session moves the store, and that none has moved it.
 * @throws {SluiceError} `configuration_invalid` if one does, or has
 */
export function unfenceStore(
  { url, schema }: FencePlace,
  { isAlone = false, ...waits }: LockWaitOptions & { isAlone?: boolean } = {},
): Promise<void> {
  const drop = async (client: pg.Client): Promise<void> => {
    const { rows } = await client.query<{ name: string }>(query('listFencedTables', schema).text);
    // Only the owner may alter a table, and another role has fenced none.
    for (const { name } of rows)
      await client.query(sqlFor(schema, `alter table sluice.${name} drop constraint store_has_moved`));
  };
  return inPatientTransaction({ url, schema }, 'move', async (client) => {
    if (isAlone) {
      const { rows } = await client.query<{ is_mine: boolean }>(
        'select pg_try_advisory_xact_lock($1, 1) as is_mine',
        [lockKeysOf(schema).migration],
      );
      if (rows[0]?.is_mine !== true) {
        throw refusal('a command is moving it: stop that with Ctrl-C');
      }
      // The copy takes writes since then, so these tables may not.
      const [left] = (await client.query<{ left_at: string | null }>(query('readLeaving', schema).text)).rows;
      if (left !== undefined && left.left_at !== null)
        throw refusal(
          `it ended at ${left.left_at}, so this is the old place of the store: take the stores file that the move has changed`,
        );
    }
    await waitAloud(client, url, 'move', waits, () => drop(client));
  });
}

function refusal(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot give up the move: ${reason}`);
}
