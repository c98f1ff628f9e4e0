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

/** Records the database of a store, for the search for twins. */
type NotePlace = (store: Store, place: string) => void;

/**
 * In the order of the stores; an error is that of an entry that cannot be used.
 * @param only Checks this store alone. Of the others, it reads their places.
 */
export async function checkEach(
  stores: ReadonlyMap<string, Store | SluiceError>,
  only?: string,
): Promise<Checked[]> {
  const waiting = [...stores];
  const checked = new Map<string, Checked>();
  const deployments = new Map<string, string>();
  const notePlace: NotePlace = ({ name, schema }, place) =>
    deployments.set(name, JSON.stringify([place, schema]));
  const lostServers = new Set<string>();
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, store] = next;
      if (only === undefined || only === name) checked.set(name, await check(name, store, notePlace));
      else if (!(store instanceof Error)) await readPlace(store, notePlace, lostServers);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return [...stores.keys()].flatMap((name) => {
    const found = checked.get(name);
    return found === undefined ? [] : withTwin(found, [...stores.keys()], deployments);
  });
}

/** Each of two stores in one place names the other one. */
function withTwin(
  found: Checked,
  names: readonly string[],
  deployments: ReadonlyMap<string, string>,
): Checked {
  const own = deployments.get(found.store);
  if (!found.isReady || own === undefined) return found;
  const twin = names.find((name) => name !== found.store && deployments.get(name) === own);
  if (twin === undefined) return found;
  const says = `${found.says}, but store ${twin} has the same database and schema`;
  return { ...found, isReady: false, says };
}

/** Of a store that is not checked: a server without an answer is asked once, and is no fault of the checked store. */
async function readPlace(store: Store, notePlace: NotePlace, lostServers: Set<string>): Promise<void> {
  if (lostServers.has(store.server)) return;
  try {
    notePlace(store, await withStore(store, store.url, placeOf));
  } catch (error) {
    if (error instanceof DatabaseError && error.sqlState === null) lostServers.add(store.server);
  }
}

async function check(name: string, store: Store | SluiceError, notePlace: NotePlace): Promise<Checked> {
  try {
    if (store instanceof Error) throw store;
    return await withStore(store, store.url, async (database) => {
      const place = await placeOf(database);
      notePlace(store, place);
      const rows = await database.run('readSettings');
      const version = Number(rows.find((row) => row['name'] === 'schema_version')?.['value'] ?? Number.NaN);
      const isCurrent = version === schemaVersion;
      const told = isCurrent ? version : adviceForVersion(version, `sluice migrate --store ${name}`);
      const trouble = isCurrent ? await troubleOf(store, database, place) : null;
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
async function troubleOf(store: Store, database: Database, place: string): Promise<string | null> {
  const run = (name: string, values: readonly unknown[] = []) => database.run(name, values);
  if ((await readAbility(run, [])).isReadOnly)
    return reasonOf(new DatabaseError({ sqlState: '25006', message: '' }));
  if ((await run('listFencedTables')).length > 0)
    return 'a move has closed its tables: it runs, or was killed, or has ended and the file has the old place';
  if (store.isMoving) return 'it is marked as moving: a move runs, or was killed (--abort ends that)';
  for (const key of ['listenUrl', 'operatorUrl'] as const) {
    if (store[key] === store.url) continue;
    try {
      if ((await withStore(store, store[key], placeOf)) !== place)
        return `its ${key} leads to another database`;
    } catch (error) {
      return `its ${key} cannot be used: ${explainError(error).message}`;
    }
  }
  return null;
}

function withStore<T>(
  { schema }: Store,
  databaseUrl: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  return withDatabase({ databaseUrl, schema }, work, { takesAnyVersion: true });
}

async function placeOf(database: Database): Promise<string> {
  const [row] = await database.run('readPlace');
  return row?.['place'] as string;
}
