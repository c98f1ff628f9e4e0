// A writer whose network goes silent notices by itself, with nobody to take over.

import { setFailpoint } from 'sluice/internal/protocol';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy } from '../support/proxy.ts';
import { fresh, startWorld, untilShared, upsert } from '../support/world.ts';

const note = (): ReturnType<typeof upsert> => upsert('notes', { noteId: fresh() });

describe('a lone writer', () => {
  const database = useDatabase();

  test.runIf(isWide)(
    'a lone writer notices that its connections have gone silent while it rests',
    { timeout: 60_000 },
    async () => {
      const proxy = await startProxy(database.url);
      const world = await startWorld(database.url, { writers: 0 });
      await untilShared([await world.startWriter({ url: proxy.url })]);
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
      proxy.blackhole();
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
    },
  );

  test('a lone writer notices that the answer to its COMMIT never comes', { timeout: 60_000 }, async () => {
    const proxy = await startProxy(database.url);
    const world = await startWorld(database.url, { writers: 0 });
    await untilShared([await world.startWriter({ url: proxy.url })]);
    let isSilent = false;
    setFailpoint('before_commit', () => {
      if (isSilent) return;
      isSilent = true;
      proxy.blackhole();
    });
    onTestFinished(() => setFailpoint('before_commit', null));
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
    expect(isSilent).toBe(true);
  });

  test.runIf(isWide)('a lone writer may run a statement that takes long', { timeout: 60_000 }, async () => {
    const world = await startWorld(database.url);
    const [writer] = world.writers;
    await untilShared([writer!]);
    await world.sql(
      `create function public.dawdle() returns trigger language plpgsql security definer as $$
       begin perform pg_sleep(4.5); return new; end $$`,
    );
    await world.sql(
      'create trigger dawdle before insert on sluice.document execute function public.dawdle()',
    );
    try {
      const answer = world.submit(note());
      await eventually(async () =>
        expect(
          await world.sql(
            `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`,
          ),
        ).toHaveLength(1),
      );
      const terms = await world.sql('select lane, term from sluice.lane');
      const { writeId, result } = await answer;
      expect(result).toBe('created');
      const [settled] = await world.sql('select lane, term from sluice.outcome where write_id = $1', [
        writeId,
      ]);
      expect(terms, 'It was committed by the session that had begun it.').toContainEqual(settled);
    } finally {
      await world.sql('drop trigger dawdle on sluice.document');
    }
  });
});
