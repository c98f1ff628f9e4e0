/** The database of a command, its schema, and its roles. */
import { assertSchema, defaultSchema } from 'sluice/internal/store';
import * as z from 'zod';
import { setting } from './setting.ts';
import { checkedBy, fileSetting, postgresUrl, wholeNumber } from './setting-forms.ts';

export const databaseUrl = setting<string | undefined>({
  flags: '--database-url <url>',
  variables: ['DATABASE_URL'],
  description:
    'URL of the PostgreSQL database. With several servers (postgres://…@a,b/db), the one that accepts writes is used',
  defaultText: 'PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE',
  form: 'a postgres:// URL',
  schema: postgresUrl,
  isSecret: true,
  holdsPassword: true,
  file: '--database-url-file <file>',
});

export const storesFile = fileSetting(
  '--stores <file>',
  'SLUICE_STORES',
  'stores file: many data stores, each a database and a schema, instead of --database-url',
);

export const storeIdleMs = setting<number>({
  flags: '--store-idle-ms <ms>',
  variables: ['SLUICE_STORE_IDLE_MS'],
  description:
    'with --stores: time without requests after which a data store closes its connections until its next request',
  form: 'a whole number from 100 to 86400000',
  schema: wholeNumber(100, 86_400_000),
  fallback: 60_000,
});

export const storesOpenMax = setting<number>({
  flags: '--stores-open-max <n>',
  variables: ['SLUICE_STORES_OPEN_MAX'],
  description:
    'with --stores: data stores that this process has open at once; for another one, the store that is unused for longest is closed',
  form: 'a whole number from 1 to 10000',
  schema: wholeNumber(1, 10_000),
  fallback: 200,
});

/** The database, and the TLS settings of its connections; every command takes these together. */
export const databaseSettings = {
  databaseUrl,
  stores: storesFile,
  schema: setting<string>({
    flags: '--schema <name>',
    variables: ['SLUICE_SCHEMA'],
    description:
      'schema of the deployment; a database may hold several deployments, each in a schema of its own',
    form: 'the name of a schema',
    schema: z.string().superRefine(checkedBy(assertSchema)),
    fallback: defaultSchema,
  }),
  databaseCa: fileSetting(
    '--database-ca <file>',
    'SLUICE_DATABASE_CA',
    'CA certificates in PEM: connections to PostgreSQL then use TLS and verify the certificate and host name of the server',
  ),
  databaseCert: fileSetting(
    '--database-cert <file>',
    'SLUICE_DATABASE_CERT',
    'client certificate for PostgreSQL, in PEM',
  ),
  databaseKey: fileSetting(
    '--database-key <file>',
    'SLUICE_DATABASE_KEY',
    'private key of --database-cert, in PEM',
  ),
};

export const operatorUrl = setting<string | undefined>({
  flags: '--operator-url <url>',
  variables: ['SLUICE_OPERATOR_URL'],
  description: "URL of the same database with the role of operators, for the node's dashboard",
  defaultText: 'the database URL',
  form: 'a postgres:// URL',
  schema: postgresUrl,
  isSecret: true,
  holdsPassword: true,
  file: '--operator-url-file <file>',
});

/** Outside of that URL, it needs no encoding. */
export const operatorPassword = setting<string | undefined>({
  variables: ['SLUICE_OPERATOR_PASSWORD'],
  file: '--operator-password-file <file>',
  description: 'password of the role in --operator-url, if the URL has none',
  form: 'a password',
  schema: z.string().min(1),
  isSecret: true,
});

export const listenUrl = setting<string | undefined>({
  flags: '--listen-url <url>',
  variables: ['SLUICE_LISTEN_URL'],
  description: 'direct URL for notifications and locks, if the database URL leads through a pooler',
  defaultText: 'the database URL',
  form: 'a postgres:// URL',
  schema: postgresUrl,
  isSecret: true,
  holdsPassword: true,
  file: '--listen-url-file <file>',
});

export const rolePrefix = setting<string | undefined>({
  flags: '--role-prefix <name>',
  variables: ['SLUICE_ROLE_PREFIX'],
  description: 'prefix of the names of the database roles; each deployment on one server needs its own',
  defaultText: 'the schema',
  form: 'up to 40 lower-case letters, digits and underscores, a letter first',
  schema: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
});
