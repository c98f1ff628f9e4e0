// How a node hears of the outcomes that it waits for. A hint says where to look; nothing depends on it.

import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy } from '../support/proxy.ts';
import { fresh, startWorld, upsert, type World } from '../support/world.ts';

describe('completion', () => {
  const database = useDatabase();

  const note = (): ReturnType<typeof upsert> => upsert('notes', { noteId: fresh() });
  const untilTaken = (world: World, count: number): Promise<void> =>
    eventually(async () => {
      expect(await world.sql('select count(*)::int as n from sluice.intake')).toEqual([{ n: count }]);
    });

  test('completion does not wait for the poll where hints arrive', async () => {
    const world = await startWorld(database.url, {
      client: { pollIntervalMs: 60_000 },
      writer: { pollIntervalMs: 1000 },
    });
    for (let round = 0; round < 5; round++) {
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
    }
  });

  test('completion survives a lost notification', async () => {
    const proxy = await startProxy(database.url);
    const world = await startWorld(database.url, { client: { listenUrl: proxy.url } });
    await world.submit(note());
    // The node goes on believing that it listens.
    proxy.blackhole();
    expect((await world.node.status()).isListening).toBe(true);
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
  });

  test('completion does not wait for the poll where hints are wanted and do not come', async () => {
    const proxy = await startProxy(database.url);
    const world = await startWorld(database.url, {
      client: { url: proxy.url, pollIntervalMs: 60_000, waitMs: 20_000 },
      writer: { url: proxy.url, pollIntervalMs: 2000 },
    });
    await world.submit(note());
    // Their connections are as they were, but for that.
    proxy.swallowNotifications(true);
    await eventually(async () => expect((await world.node.status()).isListening).toBe(false));
    for (let round = 0; round < 3; round++) {
      expect(await world.submit(note())).toMatchObject({ result: 'created' });
    }
  });

  test('completion survives notifications that no process sends', async () => {
    const world = await startWorld(database.url, { writer: { notifications: false } });
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
  });

  test('completion survives notifications that the node does not hear', async () => {
    const world = await startWorld(database.url, { client: { notifications: false } });
    expect((await world.node.status()).isListening).toBe(false);
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
  });

  test('completion is read from the row alone, whatever a notification says', async () => {
    const world = await startWorld(database.url, { writers: 0 });
    const outcome = world.submit(note());
    await untilTaken(world, 1);
    const [row] = await world.sql('select node, write_id from sluice.intake');
    const packed = Buffer.from((row!['write_id'] as string).replaceAll('-', ''), 'hex').toString('base64url');
    for (const payload of [
      packed,
      packed.repeat(100),
      '',
      'garbage',
      '{"result":"created"}',
      '😀'.repeat(20),
    ]) {
      await world.sql(`select pg_notify('sluice_node_' || $1::text, $2)`, [row!['node'], payload]);
      await world.sql(`select pg_notify('sluice_wakeup', $1)`, [payload]);
    }
    expect((await world.node.status()).waiting).toBe(1);
    await world.startWriter();
    expect(await outcome).toMatchObject({ result: 'created' });
  });

  test('completion reaches a node whose connections were all cut', async () => {
    const proxy = await startProxy(database.url);
    const world = await startWorld(database.url, { writers: 0, client: { url: proxy.url } });
    const outcomes = Array.from({ length: 20 }, () => world.submit(note()));
    await untilTaken(world, 20);
    proxy.cut();
    await world.startWriter();
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ result: 'created' });
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
  });

  test('completion reaches a node whose connections all went silent', { timeout: 60_000 }, async () => {
    const proxy = await startProxy(database.url);
    const world = await startWorld(database.url, {
      client: { url: proxy.url, waitMs: 40_000, answerTimeoutMs: 700 },
    });
    await world.submit(note());
    proxy.blackhole();
    expect(await world.submit(note())).toMatchObject({ result: 'created' });
  });
});
