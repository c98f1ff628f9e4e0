/** The environment of the processes of `sluice dev`: the database, and no setting of the user. */
import { noConfigFile } from '@sluice/server/cli';

/** The URL contains a password, so it is in the environment, which others cannot read, and not in the arguments. */
export function environmentWith(
  databaseUrl: string,
  operatorUrl: string,
  keepsPg: boolean,
): NodeJS.ProcessEnv {
  // PGPASSWORD and similar variables belong to the user's own database only.
  const own = keepsPg ? /^(SLUICE_|DATABASE_URL$|PORT$)/ : /^(SLUICE_|PG|DATABASE_URL$|PORT$)/;
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name));
  return {
    ...Object.fromEntries(kept),
    DATABASE_URL: databaseUrl,
    SLUICE_OPERATOR_URL: operatorUrl,
    SLUICE_CONFIG: noConfigFile,
  };
}
