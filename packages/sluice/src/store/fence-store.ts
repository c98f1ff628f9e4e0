/**
 * Closes a deployment to all writes because its rows are on their way to another database, and opens it again. A process that
 * still works here is refused by the database: what it sends is neither accepted nor settled, and so cannot be lost.
 */
import { SluiceError } from '#protocol';
import { inPatientTransaction } from './patient-transaction.ts';
import { lockKeysOf, sqlFor } from './schema.ts';

interface FencePlace {
  url: string;
  schema: string;
}

/** Every write begins with a row of the intake or ends with one of the outcomes. */
const fenced = ['intake', 'outcome'];

/** Clients wait meanwhile: a transaction that holds a table for longer keeps the store where it is. */
const lockWaitMs = 20_000;

/** Waits for the transactions that write there now. What is there stays as it is. */
export function fenceStore({ url, schema }: FencePlace): Promise<void> {
  return inPatientTransaction({ url, schema, waitMs: lockWaitMs }, 'move', async (client) => {
    for (const table of fenced) {
      const add = `alter table sluice.${table} add constraint store_has_moved check (false) not valid`;
      await client.query(sqlFor(schema, add));
    }
  });
}

/**
 * Harmless where there is no fence.
 * @param isAlone Nobody moves the store now. @throws {SluiceError} `configuration_invalid` if another session does
 */
export function unfenceStore({ url, schema }: FencePlace, isAlone = false): Promise<void> {
  return inPatientTransaction({ url, schema }, 'move', async (client) => {
    if (isAlone) {
      const { rows } = await client.query<{ is_mine: boolean }>(
        'select pg_try_advisory_xact_lock($1, 1) as is_mine',
        [lockKeysOf(schema).migration],
      );
      if (rows[0]?.is_mine !== true) {
        const reason = 'a command is moving it: stop that with Ctrl-C';
        throw new SluiceError('configuration_invalid', `Cannot give up the move: ${reason}`);
      }
    }
    for (const table of fenced)
      await client.query(
        sqlFor(schema, `alter table sluice.${table} drop constraint if exists store_has_moved`),
      );
  });
}
