import { BatchPlaces, Gathering, type BatchPlace, type Write } from '#protocol';
import { Database, DatabaseClock } from '#store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../../../../test/support/database.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { model } from '../../../../test/support/model.ts';
import { startProxy, type Proxy } from '../../../../test/support/proxy.ts';
import { openConnection, sql } from '../../../../test/support/sql.ts';
import type { Buffered } from './buffered.ts';
import { IntakeBuffer } from './intake-buffer.ts';
import { prepareWrite } from './prepare-write.ts';

const lanes = 16;
let noteId = 0;

function write(more: object = {}): Write {
  const resource = model.findEndpoint('test/notes')!;
  const body = JSON.stringify({ noteId: ++noteId, ...more });
  return prepareWrite({ operation: 'upsert', resource, body }, lanes, null, Date.now());
}

/** A write before its insert, and the result of that. */
function bufferedOf(write: Write): { buffered: Buffered; taken: Promise<void> } {
  let [inserted, refuse]: [() => void, (error: Error) => void] = [() => undefined, () => undefined];
  const taken = new Promise<void>((...ends) => ([inserted, refuse] = ends));
  const buffered = {
    write,
    wasSent: false,
    addedAt: performance.now(),
    giveUpAt: Infinity,
    inserted,
    refuse,
  };
  return { buffered, taken };
}

describe('the buffer before the intake', () => {
  const database = useDatabase();

  async function setup(
    options: { isDurable?: boolean; answerTimeoutMs?: number; batchPlaces?: BatchPlaces } = {},
  ): Promise<{ buffer: IntakeBuffer; proxy: Proxy; hold: () => Promise<() => Promise<void>> }> {
    const { isDurable = false, batchPlaces, ...more } = options;
    const proxy = await startProxy(database.url);
    const connection = { url: proxy.url, applicationName: 'test buffer', ...more };
    const buffer = new IntakeBuffer({
      connection,
      clock: new DatabaseClock({ database: new Database(connection) }),
      isDurable,
      notifications: true,
      flushWritesMax: 512,
      batchPlaces,
      gathering: new Gathering({ worthWrites: 2, enoughWrites: 64, intervalMsMax: 25 }),
      onError: () => undefined,
    });
    onTestFinished(() => buffer.stop());
    return {
      buffer,
      proxy,
      async hold() {
        const holder = await openConnection(database.url);
        await holder.query('begin');
        await holder.query('lock table sluice.intake in share mode');
        return async () => void (await holder.query('rollback'));
      },
    };
  }

  const untilHeld = (): Promise<void> =>
    eventually(async () =>
      expect(
        await sql(
          database.url,
          `select count(*)::int as n from pg_stat_activity
           where datname = current_database() and application_name = 'test buffer' and wait_event_type = 'Lock'`,
        ),
      ).toEqual([{ n: 1 }]),
    );

  const countOf = async (writes: readonly Write[]): Promise<number> => {
    const rows = await sql(database.url, 'select from sluice.intake where write_id = any($1)', [
      writes.map(({ writeId }) => writeId),
    ]);
    return rows.length;
  };

  test('writes of requests that arrived together share one insert', async () => {
    const { buffer } = await setup();
    await buffer.accept(write());
    const first = buffer.accept(write());
    for (let step = 0; step < 20; step++) await Promise.resolve();
    await Promise.all([first, buffer.accept(write())]);
    expect(buffer).toMatchObject({ flushes: 2, writes: 3 });
  });

  test('the intake buffer flushes without delay when idle, and together what gathered while busy', async () => {
    const { buffer, hold } = await setup();
    await buffer.accept(write());
    expect(buffer).toMatchObject({ flushes: 1, writes: 1 });
    const release = await hold();
    const first = buffer.accept(write());
    await untilHeld();
    const others = Array.from({ length: 10 }, () => buffer.accept(write()));
    await release();
    await Promise.all([first, ...others]);
    expect(buffer).toMatchObject({ flushes: 3, writes: 12 });
  });

  test('the intake buffer flushes together the writes of one turn of the event loop', async () => {
    const { buffer } = await setup();
    await Promise.all(Array.from({ length: 100 }, () => buffer.accept(write())));
    expect(buffer.flushes).toBe(1);
  });

  test('an insert waits while those of other stores have all places, and then takes all that has arrived', async () => {
    const batchPlaces = new BatchPlaces();
    const { buffer } = await setup({ batchPlaces });
    await buffer.accept(write());
    const others: BatchPlace[] = [];
    while (others.length < 4) others.push(await batchPlaces.enter(1));
    const first = buffer.accept(write());
    await new Promise((resolve) => setImmediate(resolve));
    const second = buffer.accept(write());
    expect(buffer.flushes).toBe(1);
    for (const other of others) other.leave(0);
    await Promise.all([first, second]);
    expect([buffer.flushes, buffer.writes]).toEqual([2, 3]);
    await buffer.stop();
    // All places are free again.
    const { places } = batchPlaces;
    const next = Array.from({ length: places + 1 }, () => batchPlaces.enter(1));
    expect(next.map((place) => place instanceof Promise)).toEqual([...Array(places).fill(false), true]);
  });

  test('the intake buffer finds a body that cannot be stored by halves, and fails it alone', async () => {
    const { buffer } = await setup();
    const poison = write({ text: 'a\u0000b' });
    const writes = Array.from({ length: 64 }, (_, index) => (index === 20 ? poison : write()));
    const settled = await Promise.allSettled(writes.map((each) => buffer.accept(each)));
    expect(settled.filter(({ status }) => status === 'rejected')).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'invalid_json' }) as unknown },
    ]);
    expect(await countOf(writes)).toBe(63);
    expect(buffer.flushes).toBeLessThanOrEqual(2 * Math.log2(64) + 1);
  });

  test('the intake buffer gives back a write that was never sent', async () => {
    const { buffer, proxy } = await setup();
    proxy.refuse(true);
    const { buffered } = bufferedOf(write());
    buffer.send(buffered);
    await eventually(() => expect(proxy.refused).toBeGreaterThan(1));
    expect(buffer.withdraw(buffered)).toMatchObject({ code: 'database_unavailable' });
    proxy.refuse(false);
    await buffer.accept(write());
    expect(await countOf([buffered.write])).toBe(0);
    expect(buffer.withdraw(buffered)).toBeNull();
  });

  test.each([
    ['while its insert is under way', true],
    ['while it waits to be sent again', false],
  ])('the intake buffer sends no write again that was withdrawn %s', async (_when, isUnderWay) => {
    const { buffer, proxy, hold } = await setup();
    await buffer.accept(write());
    const release = await hold();
    const { buffered } = bufferedOf(write());
    buffer.send(buffered);
    await untilHeld();
    const first = isUnderWay ? buffer.withdraw(buffered) : null;
    proxy.refuse(true);
    proxy.cut();
    await eventually(() => expect(proxy.refused).toBeGreaterThan(0));
    // Its first insert may still arrive, so the write is not given back.
    expect(isUnderWay ? first : buffer.withdraw(buffered)).toBeNull();
    await release();
    proxy.refuse(false);
    await buffer.accept(write());
    expect(buffer.writes).toBe(3);
  });

  test('the intake buffer sends a write again whose insert got no answer', async () => {
    const { buffer, proxy, hold } = await setup();
    await buffer.accept(write());
    const release = await hold();
    const { buffered, taken } = bufferedOf(write());
    buffer.send(buffered);
    await untilHeld();
    proxy.cut();
    await release();
    await taken;
    expect(await countOf([buffered.write])).toBe(1);
    expect(buffer.writes).toBe(3);
  });

  test('a stopping intake buffer reports an unknown outcome for a write that may have been taken', async () => {
    const { buffer, proxy, hold } = await setup();
    await buffer.accept(write());
    await hold();
    const sent = buffer.accept(write());
    await untilHeld();
    proxy.refuse(true);
    proxy.cut();
    await eventually(() => expect(proxy.refused).toBeGreaterThan(0));
    const unsent = buffer.accept(write());
    const rejected = Promise.allSettled([sent, unsent]);
    await buffer.stop();
    expect(await rejected).toMatchObject([
      { reason: { code: 'outcome_unknown' } },
      { reason: { code: 'stopping' } },
    ]);
    await expect(buffer.accept(write())).rejects.toMatchObject({ code: 'stopping' });
  });

  test('the intake buffer gives up a write at the end of its wait while the database is away', async () => {
    const { buffer, proxy } = await setup({ isDurable: true });
    proxy.refuse(true);
    await expect(buffer.accept(write(), 100)).rejects.toMatchObject({ code: 'database_unavailable' });
    proxy.refuse(false);
    const taken = write();
    await buffer.accept(taken, 10_000);
    expect(await countOf([taken])).toBe(1);
  });

  test('the intake buffer goes on after its connection has gone silent', async () => {
    const { buffer, proxy } = await setup({ answerTimeoutMs: 300 });
    await buffer.accept(write());
    proxy.blackhole();
    const taken = write();
    await buffer.accept(taken);
    expect(await countOf([taken])).toBe(1);
  });
});
