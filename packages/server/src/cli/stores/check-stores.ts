/** Connects to data stores, and tells whether processes can use them: as they are, and beside each other. */
import type { SluiceError } from 'sluice/internal/protocol';
import {
  adviceForVersion,
  DatabaseError,
  readAbility,
  reasonOf,
  schemaVersion,
  type Database,
} from 'sluice/internal/store';
import { withDatabase } from '../operate/with-database.ts';
import { explainError } from '../process/report-error.ts';
import type { Store } from './stores-file.ts';

export interface Checked {
  store: string;
  isReachable: boolean;
  schemaVersion: number | null;
  isReady: boolean;
  says: string;
}

/** Stores that are checked concurrently. */
const atOnce = 4;

/** In the order of the stores; an error is that of an entry that cannot be used. */
export async function checkEach(stores: ReadonlyMap<string, Store | SluiceError>): Promise<Checked[]> {
  const waiting = [...stores];
  const checked = new Map<string, Checked>();
  /** The first store of each place. */
  const places = new Map<string, string>();
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      checked.set(next[0], await check(...next, places));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return [...stores.keys()].flatMap((name) => checked.get(name) ?? []);
}

async function check(
  name: string,
  store: Store | SluiceError,
  places: Map<string, string>,
): Promise<Checked> {
  try {
    if (store instanceof Error) throw store;
    return await withStore(store, store.url, async (database) => {
      const rows = await database.run('readSettings');
      const version = Number(rows.find((row) => row['name'] === 'schema_version')?.['value'] ?? Number.NaN);
      const isCurrent = version === schemaVersion;
      const told = isCurrent ? version : adviceForVersion(version, `sluice migrate --store ${name}`);
      const trouble = isCurrent ? await troubleOf(store, database, places) : null;
      const says = `reachable, its schema has version ${told}${trouble === null ? '' : `, but ${trouble}`}`;
      const isReady = isCurrent && trouble === null;
      return { store: name, isReachable: true, schemaVersion: version, isReady, says };
    });
  } catch (error) {
    const { code, message } = explainError(error) as Partial<SluiceError> & Error;
    const isReachable = code === 'schema_outdated';
    return { store: name, isReachable, schemaVersion: null, isReady: false, says: message };
  }
}

/** Why processes cannot use a store of the right version; null: they can, if their roles have the rights. */
async function troubleOf(
  store: Store,
  database: Database,
  places: Map<string, string>,
): Promise<string | null> {
  const run = (name: string, values: readonly unknown[] = []) => database.run(name, values);
  if ((await readAbility(run, [])).isReadOnly)
    return reasonOf(new DatabaseError({ sqlState: '25006', message: '' }));
  if ((await run('listFencedTables')).length > 0)
    return 'a move has closed its tables: it runs, or was killed, or has ended and the file has the old place';
  const place = await placeOf(database);
  for (const key of ['listenUrl', 'operatorUrl'] as const) {
    if (store[key] === store.url) continue;
    try {
      if ((await withStore(store, store[key], placeOf)) !== place)
        return `its ${key} leads to another database`;
    } catch (error) {
      return `its ${key} cannot be used: ${explainError(error).message}`;
    }
  }
  const deployment = JSON.stringify([place, store.schema]);
  const other = places.get(deployment);
  if (other !== undefined) return `store ${other} has the same database and schema`;
  places.set(deployment, store.name);
  return null;
}

function withStore<T>(
  { schema }: Store,
  databaseUrl: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  return withDatabase({ databaseUrl, schema }, work);
}

async function placeOf(database: Database): Promise<string> {
  const [row] = await database.run('readPlace');
  return row?.['place'] as string;
}
