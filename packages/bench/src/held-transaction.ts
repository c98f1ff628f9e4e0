/**
 * A transaction of somebody else that stays open and does nothing: what it might still look at, no vacuum may remove. It
 * has an id and a snapshot, like an abandoned session or a long report.
 */
import pg from 'pg';

/** @returns ends it */
export async function holdTransaction(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url, application_name: 'sluice bench held' });
  // The measured processes report the error. Without a listener it would end the program.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin isolation level repeatable read');
  await client.query('select pg_current_xact_id()');
  return () => client.end();
}
