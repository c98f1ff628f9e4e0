import { expect, test } from 'vitest';
import { useDatabase } from '../../../../test/support/database.ts';
import { execute } from '../../../../test/support/postgres.ts';
import { addSchema } from './existing-database.ts';

const database = useDatabase();

test('a wrong table drops no schema that the user made before', async () => {
  await execute(
    database.url,
    'create schema app; create function app.mine() returns integer language sql as $$ select 1 $$',
  );
  await expect(addOf('app')).rejects.toThrow('public.typo');
  expect(await execute(database.url, 'select app.mine() as mine')).toEqual([{ mine: 1 }]);
});

test('a wrong table is named even if the new schema cannot be removed', async () => {
  await execute(
    database.url,
    'create function public.caller() returns void language plpgsql as $$ begin perform count(*) from made.intake; end $$',
  );
  await expect(addOf('made')).rejects.toThrow('public.typo');
});

function addOf(schema: string): Promise<string> {
  return addSchema({ url: database.url, schema, tables: ['public.typo'], removal: '' });
}
