import { describe, expect, test } from 'vitest';
import { createDatabase, useDatabase } from './database.ts';
import { execute } from './postgres.ts';

describe('a test database', () => {
  const database = useDatabase();

  test('a test database belongs to its test file', async () => {
    expect(database.name).toMatch(/^sluice_test_database_[0-9a-f]{8}$/);
    expect(await execute(database.url, 'select current_database() as name')).toEqual([
      { name: database.name },
    ]);
  });

  test('a test database is cloned while others are', async () => {
    const clones = await Promise.all(Array.from({ length: 4 }, () => createDatabase()));
    expect(new Set(clones.map(({ name }) => name)).size).toBe(4);
    await Promise.all(clones.map((clone) => clone.drop()));
  });
});
