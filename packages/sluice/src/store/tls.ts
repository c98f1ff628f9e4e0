/**
 * TLS to PostgreSQL, as a URL configures it. With TLS, the server must prove its name: anything less has to be
 * asked for by name (`no-verify`), because a connection that anybody can answer keeps no secret.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type ConnectionOptions as TlsOptions } from 'node:tls';
import { SluiceError } from '#protocol';
import { assertUrl, fieldsOf, type ServerFields } from './connection-url.ts';
import { hostsOf, splitUrl } from './hosts.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  /** Certificates of the authorities that may vouch for the server. */
  ca?: string | undefined;
  /** By which this process proves who it is, with its key. */
  cert?: string | undefined;
  key?: string | undefined;
}

/** When TLS begins: once the server was asked for it, or at once. */
type Negotiation = 'postgres' | 'direct';

type Mode = 'disable' | 'no-verify' | 'verify-full';

/** What may be said, and what it means: as with the driver, the half-measures of libpq are none. */
const modes: Readonly<Record<string, Mode>> = {
  disable: 'disable',
  'no-verify': 'no-verify',
  prefer: 'verify-full',
  require: 'verify-full',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
};

/** The older word for it: `ssl=true`. */
const modesOfSsl: Readonly<Record<string, string>> = {
  true: 'verify-full',
  1: 'verify-full',
  false: 'disable',
  0: 'disable',
};

const parameters = ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'uselibpqcompat'];

/** How to reach one server: nothing is left of the URL that would overrule `ssl`. */
export type Address = ServerFields & { ssl: TlsOptions | false; sslnegotiation?: Negotiation };

/** Of a URL of one server. Files are read each time, so that new certificates count from the next connection on. */
export function addressOf(url: string): Address {
  const { mode, files, rest, negotiation } = parse(url);
  const fields = fieldsOf(rest);
  if (mode === 'disable') return { ...fields, ssl: false };
  return {
    ...fields,
    ssl: {
      // Said in any case: otherwise a variable of the environment could turn it off.
      rejectUnauthorized: mode === 'verify-full',
      ...(files.ca === undefined ? {} : { ca: readPem(files.ca) }),
      ...(files.cert === undefined ? {} : { cert: readPem(files.cert) }),
      ...(files.key === undefined ? {} : { key: readPem(files.key) }),
    },
    ...(negotiation === null ? {} : { sslnegotiation: negotiation }),
  };
}

/**
 * The URL, or each of several, with these files added; without any, as it is.
 * @throws {SluiceError} `configuration_invalid` if what it then says cannot be done
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

/** Before anything is connected: what would fail at each connection fails at once, and says by which file. */
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
  /** The URL without all this. */
  rest: string;
  negotiation: Negotiation | null;
}

function parse(url: string): Parsed {
  const { base, query } = splitQuery(url);
  const ca = query.get('sslrootcert') ?? undefined;
  const files = {
    // libpq's word for the authorities that the machine trusts anyway.
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

/** A file that cannot be read for a while, because it is being replaced, is what it was: connections go on being made. */
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

/** Of the server that is tried now. */
export function currentAddress(url: string): Address {
  return addressOf(hostsOf(url).current);
}
