// A writer whose network goes silent notices by itself, with nobody to take over.

import { setFailpoint } from 'sluice/internal/protocol';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { startTransactionPooler } from '../support/transaction-pooler.ts';
import { fresh, startWorld, untilShared, upsert, type World } from '../support/world.ts';

const note = (): ReturnType<typeof upsert> => upsert('notes', { noteId: fresh() });

/** How it leads, and through what it reaches the server. */
const forms = [
  { ownership: 'lock', through: 'a direct connection' },
  { ownership: 'lease', through: 'a pooler in transaction mode' },
] as const;
/** The promise is a wait of about 5 s; a lost answer that nothing notices takes 35 s. */
const noticed = { waitMs: 15_000 };

describe.each(forms)('a lone writer with a $ownership behind $through', ({ ownership }) => {
  const database = useDatabase();

  const setup = async (): Promise<{ world: World; proxy: Proxy }> => {
    const { url } = ownership === 'lease' ? await startTransactionPooler(database.url) : database;
    const proxy = await startProxy(url);
    const world = await startWorld(database.url, { writers: 0 });
    await untilShared([await world.startWriter({ url: proxy.url, ownership })]);
    return { world, proxy };
  };

  test.runIf(isWide)(
    `a lone writer with a ${ownership} notices that its connections have gone silent while it rests`,
    { timeout: 60_000 },
    async () => {
      const { world, proxy } = await setup();
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
      proxy.blackhole();
      expect(await world.node.submit(note(), noticed)).toMatchObject({ result: 'created' });
    },
  );

  test(`a lone writer with a ${ownership} notices that the answer to its COMMIT never comes`, async () => {
    const { world, proxy } = await setup();
    let isSilent = false;
    setFailpoint('before_commit', () => {
      if (isSilent) return;
      isSilent = true;
      proxy.blackhole();
    });
    onTestFinished(() => setFailpoint('before_commit', null));
    expect(await world.node.submit(note(), noticed)).toMatchObject({ result: 'created' });
    expect(isSilent).toBe(true);
  });

  test.runIf(isWide)(
    `a lone writer with a ${ownership} may run a statement that takes long`,
    { timeout: 60_000 },
    async () => {
      const { world } = await setup();
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
    },
  );
});
