/**
 * Forgets what is past its retention, in small statements: outcomes with their idempotency keys, rows of writers long
 * gone. What is old is decided by the database's clock.
 */
import type { Database } from '@sluice/store';

const rowsAtOnce = 5000;

export async function sweep(database: Database, retentionHours: number): Promise<void> {
  while ((await database.run('forgetOutcomes', [retentionHours, rowsAtOnce])).length === rowsAtOnce);
  await database.run('forgetWriters', [retentionHours]);
  await database.run('forgetLeases');
  await database.run('forgetClocks');
}
