/**
 * Parses the URL of one server; no other code does. The driver's own parser does not decode every character of a
 * database's name, and takes a malformed URL for a network failure. The driver reads missing parts from the PG*
 * variables. An error names the malformed part, and shows nothing of the URL.
 */
import { SluiceError } from '#protocol';
import type pg from 'pg';
import { splitUrl } from './hosts.ts';

/** Fields for the driver: `host` is a name, an address, or the folder of the server's socket. */
export type ServerFields = Pick<
  pg.ClientConfig,
  'user' | 'host' | 'port' | 'database' | (typeof parameters)[number]
> & { password?: string };

/**
 * Parameters that are passed on; tls.ts handles those of TLS. Not `application_name`: writers, moves and operators find the
 * sessions of nodes and writers by their names.
 */
const parameters = [
  'client_encoding',
  'idle_in_transaction_session_timeout',
  'lock_timeout',
  'options',
  'query_timeout',
  'statement_timeout',
] as const;

const encoded = 'is written as % and its code: # as %23, / as %2F, ? as %3F, @ as %40, % as %25';

/**
 * Checks a URL, or each of several servers.
 * @throws {SluiceError} `configuration_invalid`
 */
export function assertUrl(urls: string): void {
  for (const url of splitUrl(urls)) fieldsOf(url);
}

/** The server, as its hosts and ports, and the database of a URL. Several hosts are one server with its standbys. */
export function serverOf(urls: string): { server: string; database: string | undefined } {
  const all = splitUrl(urls).map(fieldsOf);
  const places = all.map(({ host = 'localhost', port = 5432 }) => `${host}:${port}`);
  return { server: places.sort().join(','), database: all[0]?.database };
}

/** @throws {SluiceError} `configuration_invalid` */
export function fieldsOf(url: string): ServerFields {
  // As in the driver: the folder of a socket, then the name of the database.
  if (url.startsWith('/')) {
    const [host = '', database] = url.split(' ');
    return { host, ...(database === undefined ? {} : { database }) };
  }
  const { isSocket, place, query } = splitParts(url);
  const { login, host, port, path } = isSocket
    ? { login: '', host: place, port: '', path: '' }
    : splitPlace(place, url);
  const colon = login.indexOf(':');
  const parts = {
    user: query.get('user') ?? decode('user name', colon < 0 ? login : login.slice(0, colon)),
    password: query.get('password') ?? decode('password', colon < 0 ? '' : login.slice(colon + 1)),
    host: isSocket
      ? decode('host', host)
      : (query.get('host') ?? decode('host', host).replace(/^\[(.*)\]$/s, '$1')),
    database: isSocket
      ? (query.get('db') ?? '')
      : decode('database name', path) || (query.get('dbname') ?? ''),
  };
  if (/\s/.test(parts.host) && !parts.host.startsWith('/'))
    throw fault('its host is neither a name nor an address');
  const fields: ServerFields = {};
  for (const name of parameters) {
    const value = query.get(name);
    // Unchanged for the server, where `30s` is a time, too.
    if (value !== null && value !== '') Object.assign(fields, { [name]: value });
  }
  for (const name of ['user', 'password', 'host', 'database'] as const)
    if (parts[name] !== '') fields[name] = parts[name];
  const portText = query.get('port') ?? port;
  if (portText !== '') fields.port = readPort(portText);
  return fields;
}

interface UrlParts {
  /** The scheme `socket:` names the folder of a socket. */
  isSocket: boolean;
  /** The part between the scheme and the parameters. */
  place: string;
  query: URLSearchParams;
}

function splitParts(url: string): UrlParts {
  const [, scheme, text = ''] = /^([a-z][a-z\d+.-]*):(.*)$/is.exec(url) ?? [];
  if (scheme === undefined) throw fault('it does not begin with postgres://');
  const isSocket = scheme === 'socket';
  if (!isSocket && !(/^postgres(ql)?$/i.test(scheme) && text.startsWith('//')))
    throw fault('it does not begin with postgres:// or postgresql://');
  const hash = url.indexOf('#');
  if (hash >= 0) {
    const part = url.includes('@', hash)
      ? 'user name or password'
      : url.slice(0, hash).includes('?')
        ? 'list of parameters'
        : 'database name';
    throw fault(`its ${part} holds a #, which ${encoded}`);
  }
  const mark = text.indexOf('?');
  return {
    isSocket,
    place: mark < 0 ? text : text.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1)),
  };
}

/** The parts of `//login@host:port/path`; a missing part is empty. */
function splitPlace(place: string, url: string): { login: string; host: string; port: string; path: string } {
  const [, authority = '', path = ''] = /^\/\/([^/]*)\/?(.*)$/s.exec(place) ?? [];
  const at = authority.lastIndexOf('@');
  const server = authority.slice(at + 1);
  const [, host = '', , port] = /^(\[[^\]]*\]|[^:[\]]*)(:(.*))?$/s.exec(server) ?? [];
  const isPort = port === undefined || port === '' || /^\d+$/.test(port);
  // An unencoded / or ? in a password ends the first part too early, so the @ comes after it.
  if ((!isPort && at < 0 && url.includes('@')) || (at < 0 && port !== undefined && /@.*\//s.test(path))) {
    throw fault(`its user name or password holds a character that ${encoded}`);
  }
  if (port !== undefined && port !== '') {
    if (!isPort) throw fault('its port is not a number from 1 to 65535');
    if (host === '') throw fault('its host is missing before the port');
  }
  if (server !== '' && host === '' && port === undefined)
    throw fault('its host is neither a name nor an address');
  return { login: at < 0 ? '' : authority.slice(0, at), host, port: port ?? '', path };
}

function fault(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot use the database URL because ${reason}`);
}

function decode(part: string, text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw fault(`its ${part} has a % that begins no code of a character: % itself is written %25`);
  }
  if (decoded.includes('\0')) throw fault(`its ${part} holds the character NUL`);
  return decoded;
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw fault('its port is not a number from 1 to 65535');
  return port;
}
