/** What the processes of `sluice dev` find in their environment: the database, and no setting of the user's. */
import { noConfigFile } from '@sluice/server/cli';

/** The URL holds a password, so it goes by the environment, which others cannot read, and not by the arguments. */
export function environmentWith(
  databaseUrl: string,
  operatorUrl: string,
  keepsPg: boolean,
): NodeJS.ProcessEnv {
  // PGPASSWORD and the like go with the user's own database, and with no other.
  const own = keepsPg ? /^(SLUICE_|DATABASE_URL$|PORT$)/ : /^(SLUICE_|PG|DATABASE_URL$|PORT$)/;
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name));
  return {
    ...Object.fromEntries(kept),
    DATABASE_URL: databaseUrl,
    SLUICE_OPERATOR_URL: operatorUrl,
    SLUICE_CONFIG: noConfigFile,
  };
}
