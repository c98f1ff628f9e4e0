/**
 * An open transaction of another session that does nothing, but keeps vacuum from removing rows. It has an id and a
 * snapshot, like an abandoned session or a long report.
 */
import pg from 'pg';

/** @returns a function that ends it */
export async function holdTransaction(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url, application_name: 'sluice bench held' });
  // The measured processes report the error; without a listener, it would end the program.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin isolation level repeatable read');
  await client.query('select pg_current_xact_id()');
  return () => client.end();
}
