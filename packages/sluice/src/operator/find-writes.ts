/** Writes by what an operator has at hand: an id of any kind, or an idempotency key. */
import type { Database } from '#store';
import { isId } from '#protocol';

const foundMax = 100;
/** Keys belong to clients; each client is one look. */
const clientsMax = 10_000;

/** The ids of the first hundred writes that it may mean. */
export async function findWrites(database: Database, text: string): Promise<string[]> {
  const rows = await database.run('findWriteIdsByKey', [text, clientsMax, foundMax]);
  // A key may look like an id.
  if (isId(text)) rows.push(...(await database.run('findWriteIds', [text.toLowerCase(), foundMax])));
  return [...new Set(rows.map((row) => row['write_id'] as string))].slice(0, foundMax);
}
