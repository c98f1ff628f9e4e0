import { expect, test } from 'vitest';
import { removal } from './removal.ts';

const plain = 'postgres://me@127.0.0.1:5433/playground?sslmode=disable';
const secret = 'postgres://me:geheim@db.example/shop';
const command = 'npx sluice uninstall';

test.for([
  {
    what: 'a flag with parameters',
    values: { databaseUrl: plain },
    flags: { databaseUrl: plain },
    environment: { DATABASE_URL: 'postgres://me@prod/prod' },
    advice: `${command} --database-url '${plain}'`,
  },
  {
    what: 'a file of a flag',
    values: { databaseUrl: secret },
    flags: { databaseUrlFile: './my db.url' },
    environment: { DATABASE_URL: 'postgres://me@prod/prod' },
    advice: `${command} --database-url-file './my db.url'`,
  },
  {
    what: 'a variable without a password',
    values: { databaseUrl: plain },
    flags: {},
    environment: { DATABASE_URL: plain },
    advice: `${command} --database-url '${plain}'`,
  },
  {
    what: 'a variable with a password',
    values: { databaseUrl: secret },
    flags: {},
    environment: { DATABASE_URL: secret },
    advice: command,
  },
  {
    what: 'a configuration file with a password',
    values: { databaseUrl: secret },
    flags: {},
    environment: {},
    advice: `${command} --database-url 'postgres://me@db.example/shop'`,
  },
  {
    what: 'a configuration file with a password and parameters',
    values: {
      databaseUrl:
        'postgres://me:ge@heim@/shop?host=/run/pg&Password=geheim&sslmode=disable,postgres://b/shop',
    },
    flags: {},
    environment: {},
    advice: `${command} --database-url 'postgres://me@/shop?host=/run/pg&sslmode=disable,postgres://b/shop'`,
  },
  {
    what: 'a configuration file with an unencoded password and parameters',
    values: { databaseUrl: 'postgres://me:ge/h?eim@db.example/shop?host=/run/pg&password=geheim' },
    flags: {},
    environment: {},
    advice: `${command} --database-url 'postgres://me@db.example/shop'`,
  },
  {
    what: 'variables of PostgreSQL',
    values: {},
    flags: {},
    environment: { PGHOST: 'db.example', PGUSER: 'me', PGPASSWORD: 'geheim' },
    advice: `${command} --database-url 'postgres://me@db.example/'`,
  },
  {
    what: 'certificates and a schema',
    values: { databaseUrl: plain, databaseCa: "/it's/ca.pem", databaseCert: '/c.pem', databaseKey: '/k.pem' },
    flags: { databaseUrl: plain },
    schema: 'my schema',
    environment: {},
    advice:
      `${command} --database-url '${plain}' --database-ca '/it'\\''s/ca.pem' --database-cert '/c.pem' ` +
      `--database-key '/k.pem' --schema 'my schema'`,
  },
  {
    what: 'the default schema where a variable names another one',
    values: { databaseUrl: secret },
    flags: {},
    environment: { DATABASE_URL: secret, SLUICE_SCHEMA: 'trial' },
    advice: `${command} --schema 'sluice'`,
  },
])(
  'the advice to uninstall names the database of $what, and no password',
  ({ values, flags, schema = 'sluice', environment, advice }) => {
    expect(removal({ ...values, schema }, flags, environment)).toBe(advice);
  },
);
