/** Forgets what is past its retention, in small statements: outcomes, idempotency keys, rows of writers long gone. */
import type { Database } from '@sluice/store';

const rowsAtOnce = 5000;

export async function sweep(database: Database, retentionHours: number): Promise<void> {
  for (const [name, bound] of [
    ['forgetOutcomes', oldestKept(retentionHours)],
    ['forgetKeys', retentionHours],
  ] as const) {
    while ((await database.run(name, [bound, rowsAtOnce])).length === rowsAtOnce);
  }
  await database.run('forgetWriters', [retentionHours]);
  await database.run('forgetLeases');
}

/** The smallest UUIDv7 of a write that is kept: its first 48 bits are the milliseconds of its making. */
function oldestKept(retentionHours: number): string {
  const hex = (Date.now() - retentionHours * 3_600_000).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
