/**
 * The stores file: the data stores of a deployment, each with a name, a database and a schema. `sluice api`,
 * `writer`, `dashboard` and the operator commands read it, and `sluice stores` edits it. An error names the store and
 * the key, and shows no value that may contain a secret.
 */
import { readFileSync } from 'node:fs';
import { SluiceError } from 'sluice/internal/protocol';
import { serverOf, type TlsFiles } from 'sluice/internal/store';
import * as z from 'zod';
import { repeatedKey } from '../config/repeated-key.ts';
import {
  findUrl,
  parseEntry,
  sourceOf,
  withTls,
  type Fault,
  type ParsedEntry,
  type StoreEntries,
  type UrlKey,
} from './store-entry.ts';

/** One data store, with every secret read. */
export interface Store {
  name: string;
  url: string;
  schema: string;
  /** A direct URL for notifications, if `url` leads through a pooler. */
  listenUrl: string;
  /** The same database as the role of operators. */
  operatorUrl: string;
  /** Host names whose requests go to this store without its name in the path. */
  hosts: readonly string[];
  /** `sluice stores move` moves the store, so nodes hold its requests back. */
  isMoving: boolean;
  /** Hosts and ports of the server, and the name of the database. */
  server: string;
  database: string;
}

export type Stores = ReadonlyMap<string, Store>;

/** First parts of paths that the node itself uses. */
const reserved = new Set(
  'bulk dashboard data docs healthz metadata metrics oauth openapi.json readyz rest stores writes'.split(' '),
);

export const storeNameForm =
  'up to 40 lower-case letters, digits, hyphens and underscores, a letter or a digit first, and no path of a node';

export function isStoreName(name: string): boolean {
  return /^[a-z\d][a-z\d_-]{0,39}$/.test(name) && !reserved.has(name);
}

export interface ReadStoresOptions {
  tls?: TlsFiles;
  environment?: NodeJS.ProcessEnv;
}

/** @throws {SluiceError} `configuration_invalid` */
export function readStores(file: string, options: ReadStoresOptions = {}): Stores {
  return storesOf(readEntries(file), file, options);
}

/**
 * Each store by itself, for people: one that cannot be used does not hide the others. Of two that exclude each other, the later one cannot.
 * @throws {SluiceError} `configuration_invalid` for a file that cannot be read
 */
export function readEachStore(
  file: string,
  options: ReadStoresOptions = {},
): Map<string, Store | SluiceError> {
  const each = eachStoreOf(readEntries(file), file, options);
  for (const [name, clash] of findClashes(usableOf(each), file)) each.set(name, clash);
  return each;
}

/** @throws {SluiceError} `configuration_invalid` if a new or changed entry has the deployment or a host of another one */
export function assertNoClash(entries: StoreEntries, name: string, file: string): void {
  const stores = usableOf(eachStoreOf(entries, file, {}));
  // Keys that are whole numbers come first in an object, whenever they were added.
  const isOther = (store: Store): boolean => store.name !== name;
  const ordered = [...stores.filter(isOther), ...stores.filter((store) => !isOther(store))];
  const clash = findClashes(ordered, file).get(name);
  if (clash !== undefined) throw clash;
}

function usableOf(each: ReadonlyMap<string, Store | SluiceError>): Store[] {
  return [...each.values()].flatMap((store) => (store instanceof SluiceError ? [] : [store]));
}

function eachStoreOf(
  entries: StoreEntries,
  file: string,
  options: ReadStoresOptions,
): Map<string, Store | SluiceError> {
  const each = new Map<string, Store | SluiceError>();
  for (const [name, entry] of Object.entries(entries)) {
    try {
      each.set(name, storesOf({ [name]: entry }, file, options).get(name)!);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      each.set(name, error);
    }
  }
  return each;
}

/**
 * The content of the file, before anything that it names is read.
 * @throws {SluiceError} `configuration_invalid`
 */
export function readEntries(file: string): StoreEntries {
  let whole: unknown;
  let repeated: string | null;
  try {
    const text = readFileSync(file, 'utf8');
    whole = JSON.parse(text);
    repeated = repeatedKey(text);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // The message of the JSON parser quotes the text, and so perhaps a secret.
    if (code === undefined) throw refusal(file, 'it is not JSON');
    throw refusal(file, code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`);
  }
  if (repeated !== null) throw refusal(file, `it has the key ${JSON.stringify(repeated)} twice`);
  const parsed = z
    .strictObject({ stores: z.record(z.string(), z.record(z.string(), z.unknown())) })
    .safeParse(whole);
  if (parsed.success) return parsed.data.stores;
  throw refusal(file, 'it is not of the form { "stores": { "name": { "databaseUrl": "postgres://…" } } }');
}

interface NamedEntry {
  name: string;
  entry: ParsedEntry;
  fault: Fault;
}

/**
 * Checks the form of entries. Their files and variables are not read, because a variable may be set for other
 * processes only.
 * @throws {SluiceError} `configuration_invalid`
 */
export function checkEntries(entries: StoreEntries, file: string): NamedEntry[] {
  return Object.entries(entries).map(([name, given]) => {
    const fault = (reason: string): SluiceError => refusal(file, `store ${JSON.stringify(name)}: ${reason}`);
    if (!isStoreName(name)) throw fault(`the name is not ${storeNameForm}`);
    const entry = parseEntry(given, fault);
    if (sourceOf(entry, 'databaseUrl', fault) === undefined)
      throw fault('databaseUrl, databaseUrlFile or databaseUrlVariable is missing');
    for (const key of ['listenUrl', 'operatorUrl'] as const) sourceOf(entry, key, fault);
    return { name, entry, fault };
  });
}

/** @throws {SluiceError} `configuration_invalid` */
export function storesOf(
  entries: StoreEntries,
  file: string,
  { tls = {}, environment = process.env }: ReadStoresOptions = {},
): Stores {
  const stores = new Map<string, Store>();
  for (const { name, entry, fault } of checkEntries(entries, file)) {
    const urlOf = (key: UrlKey): string | undefined => {
      const text = findUrl(entry, key, { file, environment, fault });
      return text === undefined ? undefined : withTls(text, key, tls, fault);
    };
    const url = urlOf('databaseUrl') ?? '';
    const { server, database } = serverOf(url);
    if (database === undefined) throw fault('databaseUrl names no database');
    const [listenUrl = url, operatorUrl = url] = [urlOf('listenUrl'), urlOf('operatorUrl')];
    const { schema, hosts = [], moving = false } = entry;
    const urls = { url, listenUrl, operatorUrl };
    stores.set(name, { name, ...urls, schema, hosts, isMoving: moving, server, database });
  }
  for (const clash of findClashes([...stores.values()], file).values()) throw clash;
  return stores;
}

/** Stores with the deployment or a host of an earlier store, which is a mistake: the errors by name of the later one. */
function findClashes(stores: readonly Store[], file: string): Map<string, SluiceError> {
  const known = new Map<string, string>();
  const clashes = new Map<string, SluiceError>();
  const claim = (what: string, thing: string, name: string): void => {
    const other = known.get(thing);
    if (other === undefined) known.set(thing, name);
    else if (!clashes.has(name))
      clashes.set(name, refusal(file, `the stores ${other} and ${name} have the same ${what}`));
  };
  for (const { name, server, database, schema, hosts } of stores) {
    claim('database and schema', JSON.stringify([server, database, schema]), name);
    for (const each of hosts) claim(`host ${each}`, each, name);
  }
  return clashes;
}

function refusal(file: string, reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot use the stores file ${file}: ${reason}`);
}
