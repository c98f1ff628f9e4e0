/**
 * The stores file: the data stores of a deployment, each with a name, a database and a schema. `sluice api`,
 * `writer`, `dashboard` and the operator commands read it, and `sluice stores` edits it. An error names the store and
 * the key, and shows no value that may contain a secret.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SluiceError } from 'sluice/internal/protocol';
import { assertSchema, defaultSchema, serverOf, urlWithTls, type TlsFiles } from 'sluice/internal/store';
import * as z from 'zod';
import { checkedBy, postgresUrl } from '../config/setting-forms.ts';

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

const path = z.string().regex(/^[^\0]+$/, 'is not the path of a file');
const variable = z.string().regex(/^\w+$/, 'is not the name of an environment variable');
const url = z.string('is not a postgres:// URL').pipe(postgresUrl);
const host = z
  .string('is not a host name')
  .regex(/^[a-z\d]([a-z\d.-]*[a-z\d])?$/, 'is not a host name in lower case, without a port');

/** `databaseUrl`, or its source: a file, or an environment variable. */
const storeSchema = z.strictObject({
  databaseUrl: url.optional(),
  databaseUrlFile: path.optional(),
  databaseUrlVariable: variable.optional(),
  schema: z.string('is not the name of a schema').superRefine(checkedBy(assertSchema)).default(defaultSchema),
  listenUrl: url.optional(),
  listenUrlFile: path.optional(),
  listenUrlVariable: variable.optional(),
  operatorUrl: url.optional(),
  operatorUrlFile: path.optional(),
  operatorUrlVariable: variable.optional(),
  hosts: z.array(host).optional(),
  moving: z.literal(true, 'is not true').optional(),
});

/** A store in the form of the file. */
export type StoreEntry = z.input<typeof storeSchema>;
type ParsedEntry = z.output<typeof storeSchema>;
export type StoreEntries = Record<string, StoreEntry>;
type UrlKey = 'databaseUrl' | 'listenUrl' | 'operatorUrl';

export interface ReadStoresOptions {
  tls?: TlsFiles;
  environment?: NodeJS.ProcessEnv;
}

/** @throws {SluiceError} `configuration_invalid` */
export function readStores(file: string, options: ReadStoresOptions = {}): Stores {
  return storesOf(readEntries(file), file, options);
}

/**
 * The content of the file, before anything that it names is read.
 * @throws {SluiceError} `configuration_invalid`
 */
export function readEntries(file: string): StoreEntries {
  let whole: unknown;
  try {
    whole = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // The message of the JSON parser quotes the text, and so perhaps a secret.
    if (code === undefined) throw refusal(file, 'it is not JSON');
    throw refusal(file, code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`);
  }
  const parsed = z
    .strictObject({ stores: z.record(z.string(), z.record(z.string(), z.unknown())) })
    .safeParse(whole);
  if (parsed.success) return parsed.data.stores;
  throw refusal(file, 'it is not of the form { "stores": { "name": { "databaseUrl": "postgres://…" } } }');
}

type Fault = (reason: string) => SluiceError;

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
  assertDistinct([...stores.values()], file);
  return stores;
}

function parseEntry(entry: unknown, fault: Fault): ParsedEntry {
  const parsed = storeSchema.safeParse(entry);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') throw fault(`there is no key ${issue.keys.join(', ')}`);
  const key = issue?.path.join('.') ?? '';
  const known = issue?.message ?? '';
  if (/^(is|Cannot) /.test(known)) throw fault(`${key}: ${known}`);
  throw fault(`${key} is not ${key.endsWith('Url') ? 'a postgres:// URL' : 'of its form'}`);
}

/** The only key for this URL. @throws {SluiceError} `configuration_invalid` if there are several */
function sourceOf<K extends UrlKey>(
  entry: ParsedEntry,
  key: K,
  fault: Fault,
): K | `${K}File` | `${K}Variable` | undefined {
  const keys = [key, `${key}File`, `${key}Variable`] as const;
  const given = keys.filter((each) => entry[each] !== undefined);
  if (given.length > 1) throw fault(`${given.join(' and ')} exclude each other`);
  return given[0];
}

interface UrlSources {
  file: string;
  environment: NodeJS.ProcessEnv;
  fault: Fault;
}

/** The URL of this key: as given, from a file, or from a variable. */
function findUrl(
  entry: ParsedEntry,
  key: UrlKey,
  { file, environment, fault }: UrlSources,
): string | undefined {
  const source = sourceOf(entry, key, fault);
  if (source === undefined || source === key) return entry[key];
  const named = entry[source] ?? '';
  const isVariable = source === `${key}Variable`;
  const text = isVariable ? environment[named] : readUrlFile(resolve(dirname(file), named), source, fault);
  if (text === undefined || text === '') {
    throw fault(`${source} names a ${isVariable ? 'variable that is not set' : 'file that is empty'}`);
  }
  const checked = url.safeParse(text.trim());
  if (!checked.success) throw fault(`${source} holds no postgres:// URL that can be used`);
  return checked.data;
}

function readUrlFile(path: string, source: string, fault: Fault): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw fault(`${source} names a file that cannot be read (${(cause as NodeJS.ErrnoException).code})`);
  }
}

function withTls(text: string, key: UrlKey, tls: TlsFiles, fault: Fault): string {
  try {
    return urlWithTls(text, tls);
  } catch (error) {
    if (error instanceof SluiceError) throw fault(`${key}: ${error.message}`);
    throw error;
  }
}

/** Two stores with one deployment, or one host, are a mistake. */
function assertDistinct(stores: readonly Store[], file: string): void {
  const known = new Map<string, string>();
  const claim = (what: string, thing: string, name: string): void => {
    const other = known.get(thing);
    if (other !== undefined) throw refusal(file, `the stores ${other} and ${name} have the same ${what}`);
    known.set(thing, name);
  };
  for (const { name, server, database, schema, hosts } of stores) {
    claim('database and schema', JSON.stringify([server, database, schema]), name);
    for (const each of hosts) claim(`host ${each}`, each, name);
  }
}

function refusal(file: string, reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot use the stores file ${file}: ${reason}`);
}
