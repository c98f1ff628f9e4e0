/** One transaction of a command that may wait for locks of others, with reports: for rights, or the end of a schema. */
import type pg from 'pg';
import { connectClient } from './connection.ts';
import { reduceError } from './database-error.ts';
import { lockLimit, repeatAfterDeadlock, type LockWaitOptions } from './lock-wait.ts';
import { assertSchema } from './schema.ts';
import { beginWithSettings } from './session-settings.ts';

export interface PatientOptions extends LockWaitOptions {
  url: string;
  /** Schema of the deployment. @default 'sluice' */
  schema?: string | undefined;
}

/**
 * @param name Name in errors, and as `sluice NAME` in pg_stat_activity
 * @param work It runs again if PostgreSQL ends it because of a deadlock.
 * @throws {SluiceError} `configuration_invalid` for an invalid schema
 */
export async function inPatientTransaction<T>(
  options: PatientOptions,
  name: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  if (options.schema !== undefined) assertSchema(options.schema);
  const settings = lockLimit(options);
  const connection = {
    url: options.url,
    applicationName: `sluice ${name}`,
    answerTimeoutMs: 0,
    settings,
    staysAtUrl: true,
  };
  const client = await connectClient(connection).catch((error: unknown) => {
    throw reduceError(error, name);
  });
  try {
    return await repeatAfterDeadlock(client, async () => {
      await beginWithSettings(client, connection);
      const result = await work(client);
      await client.query('commit');
      return result;
    });
  } catch (error) {
    throw reduceError(error, name);
  } finally {
    await client.end().catch(() => undefined);
  }
}
