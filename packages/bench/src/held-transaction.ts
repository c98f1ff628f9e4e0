/**
 * A transaction of somebody else that stays open and does nothing: what it might still look at, no vacuum may remove. It
 * has an id of its own and a snapshot, as a forgotten session or a long report has.
 */
import pg from 'pg';

/** @returns ends it */
export async function holdTransaction(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url, application_name: 'sluice bench held' });
  // Whoever measures hears from what is measured; without a listener the error would end the program.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin isolation level repeatable read');
  await client.query('select pg_current_xact_id()');
  return () => client.end();
}
