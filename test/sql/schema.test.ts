// sql/schema.sql is what the migrations come to, for people to read. `UPDATE_SCHEMA=1 npx vitest run test/sql` writes it.

import { readFileSync, writeFileSync } from 'node:fs';
import { sqlFolder } from 'sluice/internal/store';
import { expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { describeSchema } from '../support/describe-schema.ts';
import { execute } from '../support/postgres.ts';

const database = useDatabase();
const file = `${sqlFolder}schema.sql`;
const head = `-- The whole schema, as the migrations leave it. Written by UPDATE_SCHEMA=1 npx vitest run test/sql; do not edit.\n\n`;

test('the snapshot of the schema is what the migrations make (UPDATE_SCHEMA=1 writes it)', async ({
  skip,
}) => {
  const [{ version }] = (await execute(
    database.url,
    `select current_setting('server_version_num')::int / 10000 as version`,
  )) as [{ version: number }];
  if (version < 16) skip('PostgreSQL 15 prints the same views with fewer prefixes');
  const schema = head + (await describeSchema(database.url));
  if (process.env['UPDATE_SCHEMA'] === '1') writeFileSync(file, schema);
  expect(readFileSync(file, 'utf8')).toBe(schema);
});

test('every constraint has a name from the migrations, not from the server', async () => {
  const generated = /(_check\d*|_fkey\d*|_key\d*|_excl\d*)\b/;
  const names = [
    ...(await describeSchema(database.url)).matchAll(/constraint (\w+) (check|foreign|unique)/gi),
  ];
  expect(names.length).toBeGreaterThan(5);
  expect(names.map(([, name]) => name!).filter((name) => generated.test(name))).toEqual([]);
});
