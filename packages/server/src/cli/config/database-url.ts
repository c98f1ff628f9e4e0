/** The database of a command, and the form in which its URL may be shown. */
import { SluiceError } from 'sluice/internal/protocol';
import { defaultSchema, urlWithTls } from 'sluice/internal/store';
import type { Values } from './setting.ts';
import type { databaseSettings } from './database-settings.ts';

export type DatabaseValues = Partial<Values<typeof databaseSettings>>;

export interface DatabasePlace {
  url: string;
  schema: string | undefined;
}

/** The database of a command. @throws {SluiceError} `configuration_invalid` as {@link requireDatabaseUrl} does */
export function requireDatabase(values: DatabaseValues): DatabasePlace {
  return { url: requireDatabaseUrl(values), schema: values.schema };
}

/**
 * The given URL, or one made of the PG* variables. The password is not copied, because the driver reads PGPASSWORD
 * itself.
 * @throws {SluiceError} `configuration_invalid` if both are missing, or the TLS settings are impossible
 */
export function requireDatabaseUrl(
  values: DatabaseValues,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  return withTls(values.databaseUrl ?? urlOfVariables(environment), values);
}

/**
 * The database as the role of operators. PGPASSWORD belongs to another role, so the password is put into the URL.
 * @throws {SluiceError} `configuration_invalid` if the password has no URL, or the URL has one already
 */
export function operatorUrlOf(
  values: DatabaseValues & { operatorUrl?: string | undefined; operatorPassword?: string | undefined },
): string | undefined {
  const { operatorUrl: url, operatorPassword: password } = values;
  if (password === undefined) return url === undefined ? undefined : withTls(url, values);
  // In each of several servers.
  const login = /(postgres(?:ql)?:\/\/[^@/:?]+)(?=@)/g;
  if (url === undefined || !login.test(url)) {
    throw new SluiceError(
      'configuration_invalid',
      'Cannot start: SLUICE_OPERATOR_PASSWORD needs SLUICE_OPERATOR_URL with a role and without a password',
    );
  }
  return withTls(url.replace(login, `$1:${encodeURIComponent(password)}`), values);
}

/** Another URL of the same database, with the same TLS. */
export function withTls(
  url: string,
  { databaseCa: ca, databaseCert: cert, databaseKey: key }: DatabaseValues,
): string {
  return urlWithTls(url, { ca, cert, key });
}

function urlOfVariables(environment: NodeJS.ProcessEnv): string {
  const { PGHOST, PGPORT, PGUSER, PGDATABASE } = environment;
  if (!PGHOST && !PGDATABASE && !PGUSER) {
    throw new SluiceError(
      'configuration_invalid',
      'Cannot start: DATABASE_URL is missing: a postgres:// URL, or PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE',
    );
  }
  const user = PGUSER ? `${encodeURIComponent(PGUSER)}@` : '';
  const port = PGPORT ? `:${PGPORT}` : '';
  const database = PGDATABASE ? encodeURIComponent(PGDATABASE) : '';
  // A host that is a folder contains the server's socket; only its encoded form fits into a URL.
  return `postgres://${user}${encodeURIComponent(PGHOST ?? 'localhost')}${port}/${database}`;
}

/** The place on which a command acts, for people: `schema sluice of postgres://me@localhost/shop`. */
export function deploymentText({
  url,
  schema = defaultSchema,
}: {
  url: string;
  schema?: string | undefined;
}): string {
  return `schema ${schema} of ${redactUrl(url)}`;
}

/** The URL without its password and its parameters, which may contain another one. */
export function redactUrl(url: string): string {
  return eachOf(url, redactOne);
}

/** The URL without passwords, but with its other parameters, so that it names the same server. */
export function urlWithoutPassword(url: string): string {
  return eachOf(url, (one) => {
    // An unencoded @ anywhere else may belong to a password.
    const match = /^(\w+:\/\/)(?:([^@/:?#]*)(?::[^/?#]*)?@)?([^@?#]*)(?:\?([^@#]*))?$/s.exec(one);
    if (match === null) return redactOne(one);
    const [, scheme = '', user = '', place = '', query = ''] = match;
    const isPassword = (parameter: string): boolean =>
      [...new URLSearchParams(parameter).keys()].some((name) => /password$/i.test(name));
    const others = query.split('&').filter((parameter) => !isPassword(parameter));
    return [scheme, user && `${user}@`, place, query && others.length > 0 && `?${others.join('&')}`]
      .filter(Boolean)
      .join('');
  });
}

/** Of several servers, each has a URL. */
function eachOf(url: string, change: (one: string) => string): string {
  return url
    .split(/,(?=postgres(?:ql)?:\/\/)/)
    .map(change)
    .join(',');
}

function redactOne(url: string): string {
  // Up to the last @, because a password may contain an unencoded one.
  const match = /^(\w+:\/\/)(?:([^@/:?#]*)(?:.*)@)?([^?#]*)/s.exec(url);
  if (match === null) return 'postgres://…';
  const [, scheme = '', user = '', rest = ''] = match;
  return `${scheme}${user === '' ? '' : `${user}@`}${rest}`;
}
