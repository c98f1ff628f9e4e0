/** Finds writes by an id of any kind, or by an idempotency key. */
import type { Database } from '#store';
import { isId } from '#protocol';

const foundMax = 100;
/** Most clients that are searched for a key, because each costs one look-up. */
const clientsMax = 10_000;

/** The ids of the first hundred writes that the text may mean. */
export async function findWrites(database: Database, text: string): Promise<string[]> {
  const rows = await database.run('findWriteIdsByKey', [text, clientsMax, foundMax]);
  // An idempotency key may have the form of an id.
  if (isId(text)) rows.push(...(await database.run('findWriteIds', [text.toLowerCase(), foundMax])));
  return [...new Set(rows.map((row) => row['write_id'] as string))].slice(0, foundMax);
}
