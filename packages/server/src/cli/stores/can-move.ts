/** Whether a data store can be moved: what a move would break is refused before anything changes. */
import { SluiceError } from 'sluice/internal/protocol';
import type { Database } from 'sluice/internal/store';

/** Only the owner may close the tables to writes, and open them again. @throws {SluiceError} for another role */
export async function assertOwner(source: Database): Promise<void> {
  const [row] = await source.run('ownsTables');
  if (row?.['is_owner'] !== true)
    throw moveRefusal(
      'the role of its URL does not own its tables, and only their owner may close them to writes',
    );
}

/** A failure would open the source, so a source that another move has closed stays as it is. @throws {SluiceError} */
export async function assertOpen(source: Database): Promise<void> {
  const [row] = await source.run('readLeaving');
  const leftAt = row?.['left_at'] as string | null;
  if (leftAt !== null) throw moveRefusal(`it moved away from there at ${leftAt}: ${takeNewFile}`);
  const fenced = await source.run('listFencedTables');
  if (fenced.length > 0)
    throw moveRefusal(
      `a move has closed its tables. If that was killed, run it with --abort; else ${takeNewFile}`,
    );
}

const takeNewFile = 'take the stores file that the move has changed';

/** The copy takes the rows of the schema only. @throws {SluiceError} if the store keeps rows or triggers outside of it */
export async function refuseOutsiders(source: Database): Promise<void> {
  const rows = await source.run('listOutsiders');
  if (rows.length === 0) return;
  const kinds = [...new Set(rows.map(({ kind }) => kind as string))];
  const lists = kinds.map((kind) => {
    const names = rows.filter((row) => row['kind'] === kind).map(({ name }) => name as string);
    return `${kind}${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
  });
  throw moveRefusal(
    `it has what a copy of its schema would leave behind: ${lists.join('; ')}. Move its whole database, as ` +
      '"Stores with tables of your own" in docs/stores.md tells',
  );
}

export function moveRefusal(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot move the store: ${reason}`);
}
