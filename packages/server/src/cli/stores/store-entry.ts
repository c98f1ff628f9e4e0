/** One entry of the stores file: its form, and the sources of its URLs. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SluiceError } from 'sluice/internal/protocol';
import { assertSchema, defaultSchema, urlWithTls, type TlsFiles } from 'sluice/internal/store';
import * as z from 'zod';
import { checkedBy, postgresUrl } from '../config/setting-forms.ts';

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
export type ParsedEntry = z.output<typeof storeSchema>;
export type StoreEntries = Record<string, StoreEntry>;
export type UrlKey = 'databaseUrl' | 'listenUrl' | 'operatorUrl';

/** Makes the error of an entry, of a reason that ends its sentence. */
export type Fault = (reason: string) => SluiceError;

export function parseEntry(entry: unknown, fault: Fault): ParsedEntry {
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
export function sourceOf<K extends UrlKey>(
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
export function findUrl(
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

export function withTls(text: string, key: UrlKey, tls: TlsFiles, fault: Fault): string {
  try {
    return urlWithTls(text, tls);
  } catch (error) {
    if (error instanceof SluiceError) throw fault(`${key}: ${error.message}`);
    throw error;
  }
}
