// Every named query is legal on the migrated schema, and every name has its use.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { queries, sqlFolder } from 'sluice/internal/store';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { openConnection } from '../support/sql.ts';

const packages = join(sqlFolder, '../packages');
const names = [...queries.keys()];

describe('a named query', () => {
  const database = useDatabase();

  test('a named query is prepared by the server against the migrated schema', async () => {
    const client = await openConnection(database.url);
    const faults: string[] = [];
    for (const { name, text, file } of queries.values()) {
      await client.query(`prepare "${name}" as ${text}`).catch((error: unknown) => {
        faults.push(`${file}: ${name}: ${(error as Error).message}`);
      });
    }
    expect(faults).toEqual([]);
  });

  test('the search for the session that holds a lock stops the lock manager once, and not for each transaction', async () => {
    const client = await openConnection(database.url);
    const { rows } = await client.query<{ 'QUERY PLAN': string }>({
      text: `explain (analyze, verbose, timing off) ${queries.get('findBlocker')!.text}`,
      values: [0],
    });
    const calls = rows.map((row) => row['QUERY PLAN']).filter((line) => line.includes('pg_blocking_pids'));
    expect(calls).toEqual([expect.stringMatching(/^ *Output: /)]);
  });

  test('a named query opens with a sentence that says what it is for', () => {
    const silent = readdirSync(`${sqlFolder}queries`).flatMap((file) =>
      readFileSync(`${sqlFolder}queries/${file}`, 'utf8')
        .split(/^(?=-- name:)/m)
        .filter((part) => !/^-- name: \w+\n-- [A-Z][^\n]+/.test(part))
        .map((part) => `${file}: ${part.split('\n')[0]}`),
    );
    expect(silent).toEqual([]);
  });

  test('a named query is used by the code', () => {
    const source = readSources().join('\n');
    expect(names.filter((name) => !source.includes(`'${name}'`))).toEqual([]);
  });

  test('each named query that the code uses exists', () => {
    const used = readSources().flatMap((text) => [
      ...text.matchAll(/\brun\(\s*'(\w+)'/g),
      ...text.matchAll(/\bname: '(\w+)',\s*(?:values|isOptional)\b/g),
      ...text.matchAll(/\badd\('(\w+)'/g),
    ]);
    expect(used.length).toBeGreaterThan(20);
    expect(used.map(([, name]) => name).filter((name) => !queries.has(name!))).toEqual([]);
  });
});

/** The production sources of all packages that talk to a database. */
function readSources(): string[] {
  return readdirSync(packages)
    .map((name) => join(packages, name, 'src'))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('/embedded/'))
    .map((file) => readFileSync(file, 'utf8'));
}
