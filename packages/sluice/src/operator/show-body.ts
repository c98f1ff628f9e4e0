/** Shows the content of a document: only of waiting writes and dead letters, and with an entry in the audit. */
import { SluiceError } from '#protocol';
import { readBodyBytesMax, type Database } from '#store';
import { checkIds } from './stuck-filter.ts';

/**
 * The body as JSON text; null: the write deletes a document.
 * @throws {SluiceError} `write_not_found`, also if the write is settled; `document_too_large`
 */
export async function showBody(database: Database, writeId: string, actor: string): Promise<string | null> {
  const [id = ''] = checkIds([writeId]);
  const [row] = await database.run('readStuckBody', [id, readBodyBytesMax]);
  if (row === undefined)
    throw new SluiceError('write_not_found', `Cannot show the body: no write of this id waits: ${id}`);
  const bytes = row['bytes'] as number | null;
  if (bytes !== null && bytes > readBodyBytesMax) {
    throw new SluiceError(
      'document_too_large',
      `Cannot show the body: it has ${bytes} bytes as PostgreSQL writes it, more than ${readBodyBytesMax}`,
    );
  }
  await database.run('recordAction', ['show body', actor, 'named writes', [id], null]);
  return row['body'] as string | null;
}
