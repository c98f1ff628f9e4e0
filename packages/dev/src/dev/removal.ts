/** The command that removes the schema which `sluice dev --table` has added. It names the database, but never a password. */
import { defaultSchema } from 'sluice/internal/store';
import { hasPassword, requireDatabaseUrl, urlWithoutPassword } from '@sluice/server/cli';

export interface RemovalValues {
  databaseUrl?: string | undefined;
  databaseCa?: string | undefined;
  databaseCert?: string | undefined;
  databaseKey?: string | undefined;
  schema: string;
}

/**
 * @param flags The flags of `sluice dev`, which the shell does not pass on to the next command.
 * @param environment The variables of the shell, which the next command has, too.
 */
export function removal(
  values: RemovalValues,
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  const { schema, databaseCa, databaseCert, databaseKey } = values;
  const isUnnamed = schema === defaultSchema && (environment['SLUICE_SCHEMA'] ?? '') === '';
  const options = {
    ...databaseOptions(values, flags, environment),
    '--database-ca': databaseCa,
    '--database-cert': databaseCert,
    '--database-key': databaseKey,
    '--schema': isUnnamed ? undefined : schema,
  };
  const given = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${quoted(value)}`],
  );
  return ['npx sluice uninstall', ...given].join(' ');
}

function databaseOptions(
  { databaseUrl }: RemovalValues,
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): Record<string, string> {
  // A URL of the flags has no password: the command refuses one.
  if (typeof flags['databaseUrl'] === 'string') return { '--database-url': flags['databaseUrl'] };
  if (typeof flags['databaseUrlFile'] === 'string')
    return { '--database-url-file': flags['databaseUrlFile'] };
  const url = databaseUrl ?? requireDatabaseUrl({}, environment);
  if (!hasPassword(url)) return { '--database-url': url };
  const isOfShell = ['DATABASE_URL', 'DATABASE_URL_FILE'].some((name) => (environment[name] ?? '') !== '');
  // The configuration file may name another database for `uninstall`.
  return isOfShell ? {} : { '--database-url': urlWithoutPassword(url) };
}

/** As one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
