/**
 * TLS to PostgreSQL, as a URL configures it. With TLS, the server must prove its name. Anything weaker must be
 * requested by name (`no-verify`), because a connection without proof keeps no secret.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type ConnectionOptions as TlsOptions } from 'node:tls';
import { SluiceError } from '#protocol';
import { assertUrl, fieldsOf, type ServerFields } from './connection-url.ts';
import { hostsOf, splitUrl } from './hosts.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  /** Certificates of the authorities that sign the server's certificate. */
  ca?: string | undefined;
  /** Certificate of this process, with its key. */
  cert?: string | undefined;
  key?: string | undefined;
}

/** When TLS starts: after a request to the server, or with the first byte. */
type Negotiation = 'postgres' | 'direct';

type Mode = 'disable' | 'no-verify' | 'verify-full';

/** Allowed modes and their meaning, as in the driver: the partial checks of libpq do not exist. */
const modes: Readonly<Record<string, Mode>> = {
  disable: 'disable',
  'no-verify': 'no-verify',
  prefer: 'verify-full',
  require: 'verify-full',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
};

/** The older parameter: `ssl=true`. */
const modesOfSsl: Readonly<Record<string, string>> = {
  true: 'verify-full',
  1: 'verify-full',
  false: 'disable',
  0: 'disable',
};

const parameters = ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'uselibpqcompat'];

/** The address of one server, without parameters of the URL that would overrule `ssl`. */
export type Address = ServerFields & { ssl: TlsOptions | false; sslnegotiation?: Negotiation };

/** The address for a URL of one server. Files are read each time, so that new certificates count from the next connection on. */
export function addressOf(url: string): Address {
  const { mode, files, rest, negotiation } = parse(url);
  const fields = fieldsOf(rest);
  if (mode === 'disable') return { ...fields, ssl: false };
  return {
    ...fields,
    ssl: {
      // Always set, because a variable of the environment could turn it off.
      rejectUnauthorized: mode === 'verify-full',
      ...(files.ca === undefined ? {} : { ca: readPem(files.ca) }),
      ...(files.cert === undefined ? {} : { cert: readPem(files.cert) }),
      ...(files.key === undefined ? {} : { key: readPem(files.key) }),
    },
    ...(negotiation === null ? {} : { sslnegotiation: negotiation }),
  };
}

/**
 * The URL, or each of several, with these files; without any file, unchanged.
 * @throws {SluiceError} `configuration_invalid` if the resulting settings are impossible
 */
export function urlWithTls(urls: string, files: TlsFiles): string {
  const added = Object.entries({ sslrootcert: files.ca, sslcert: files.cert, sslkey: files.key }).flatMap(
    ([name, path]) => (path === undefined ? [] : [[name, path] as const]),
  );
  if (added.length === 0) {
    assertTls(urls);
    return urls;
  }
  const whole = splitUrl(urls)
    .map((url) => {
      const { base, query } = splitQuery(url);
      for (const [name, path] of added) query.set(name, path);
      return `${base}?${query.toString()}`;
    })
    .join(',');
  assertTls(whole);
  return whole;
}

/** Checks before anything connects, so that a fault is reported once, with its file. */
function assertTls(urls: string): void {
  assertUrl(urls);
  const all = splitUrl(urls).map(parse);
  if (new Set(all.map(({ mode }) => mode)).size > 1) {
    throw refusal('the servers of one URL differ in their sslmode');
  }
  for (const { mode, files } of all) {
    if (mode !== 'verify-full' && files.ca !== undefined) {
      throw refusal(`a CA is given and sslmode=${mode} says not to use it`);
    }
    if (mode === 'disable') continue;
    if ((files.cert === undefined) !== (files.key === undefined)) {
      throw refusal("of the client's certificate and its key one is missing");
    }
    if (files.ca !== undefined) attempt(`this file holds no certificate: ${files.ca}`, readCa, files.ca);
    const { cert, key } = files;
    if (cert === undefined || key === undefined) continue;
    const pair = { cert: readPem(cert), key: readPem(key) };
    attempt(`these files hold no certificate and its key: ${cert}, ${key}`, createSecureContext, pair);
  }
}

function readCa(path: string): X509Certificate {
  return new X509Certificate(readPem(path));
}

function attempt<T>(reason: string, work: (given: T) => unknown, given: T): void {
  try {
    work(given);
  } catch (cause) {
    throw cause instanceof SluiceError ? cause : refusal(reason);
  }
}

interface Parsed {
  mode: Mode;
  files: TlsFiles;
  /** The URL without these parameters. */
  rest: string;
  negotiation: Negotiation | null;
}

function parse(url: string): Parsed {
  const { base, query } = splitQuery(url);
  const ca = query.get('sslrootcert') ?? undefined;
  const files = {
    // libpq's word for the authorities that the machine trusts.
    ca: ca === 'system' ? undefined : ca,
    cert: query.get('sslcert') ?? undefined,
    key: query.get('sslkey') ?? undefined,
  };
  const old = query.get('ssl');
  const negotiation = query.get('sslnegotiation');
  const asked = ca !== undefined || files.cert !== undefined || negotiation === 'direct';
  const said =
    query.get('sslmode') ??
    (old === null ? null : (modesOfSsl[old] ?? old)) ??
    (asked ? 'verify-full' : (process.env['PGSSLMODE'] ?? 'disable'));
  const mode = Object.hasOwn(modes, said) ? modes[said] : undefined;
  if (mode === undefined) {
    throw refusal(`sslmode is none of ${Object.keys(modes).join(', ')}`);
  }
  if (negotiation !== null && negotiation !== 'postgres' && negotiation !== 'direct') {
    throw refusal('sslnegotiation is neither postgres nor direct');
  }
  const has = parameters.some((name) => query.has(name));
  for (const name of parameters) query.delete(name);
  const rest = query.size === 0 ? base : `${base}?${query.toString()}`;
  return { mode, files, rest: has ? rest : url, negotiation };
}

function splitQuery(url: string): { base: string; query: URLSearchParams } {
  const [base = '', ...query] = url.split('?');
  return { base, query: new URLSearchParams(query.join('?')) };
}

const pems = new Map<string, string>();

/** If a file cannot be read, because it is being replaced, its last content counts, so connections go on. */
function readPem(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    pems.set(path, text);
    return text;
  } catch (error) {
    const known = pems.get(path);
    if (known !== undefined) return known;
    throw refusal(`a file cannot be read (${(error as NodeJS.ErrnoException).code}): ${path}`);
  }
}

function refusal(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot connect to PostgreSQL by TLS: ${reason}`);
}

/** The address of the server that is tried now. */
export function currentAddress(url: string, schema?: string): Address {
  return addressOf(hostsOf(url, schema).current);
}
