// What it costs to have nothing to do. The numbers are promises about the load of an idle deployment.

import { defaults } from 'sluice/internal/protocol';
import { agree, Database } from 'sluice/internal/store';
import { expect, onTestFinished, test } from 'vitest';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { fresh, startWorld, untilShared, upsert } from '../support/world.ts';

const database = useDatabase();

/** Statements a second, measured over as long as it takes to count some. */
async function rateOf(proxy: Proxy, count: number): Promise<number> {
  const began = performance.now();
  const before = proxy.statements;
  await eventually(() => expect(proxy.statements - before).toBeGreaterThanOrEqual(count));
  return (proxy.statements - before) / ((performance.now() - began) / 1000);
}

const heartbeatsPerSecond = 1000 / defaults.pollIntervalMs;
const echoesPerSecond = 1;
/** Timers are late, and counting ends in the middle of an interval. */
const allowance = 1.25;

test('an idle node asks one query a second, which keeps its listener alive', async () => {
  const proxy = await startProxy(database.url);
  // No other listener, whose echo would do as well.
  const world = await startWorld(database.url, {
    client: { url: proxy.url },
    writer: { notifications: false },
  });
  await world.submit(upsert('notes', { noteId: fresh() }));
  expect(await rateOf(proxy, 2)).toBeLessThanOrEqual(echoesPerSecond * allowance + 0.5);
});

test('an idle node without notifications asks nothing', async () => {
  const proxy = await startProxy(database.url);
  const world = await startWorld(database.url, {
    client: { url: proxy.url, notifications: false },
    writer: { notifications: false },
  });
  await world.submit(upsert('notes', { noteId: fresh() }));
  const before = proxy.statements;
  const other = await startProxy(database.url);
  await world.startNode({ url: other.url, notifications: true });
  // As long as another sends two echoes.
  await rateOf(other, 2);
  expect(proxy.statements).toBe(before);
});

test.each(
  firstOrAll([
    { notifications: true, expected: heartbeatsPerSecond + echoesPerSecond },
    { notifications: false, expected: heartbeatsPerSecond },
  ]),
)(
  'an idle writer asks $expected queries a second (notifications: $notifications), and locks nothing',
  async ({ notifications, expected }) => {
    const proxy = await startProxy(database.url);
    const world = await startWorld(database.url, { writers: 0 });
    const writer = await world.startWriter({ url: proxy.url, notifications });
    await untilShared([writer]);
    await world.submit(upsert('notes', { noteId: fresh() }));
    const rows = (): Promise<unknown> => world.sql('select lane, xmin, xmax from sluice.lane order by lane');
    // The batch in which the writer saw that there is no more is over.
    await rateOf(proxy, 3);
    const before = await rows();
    expect(await rateOf(proxy, 8)).toBeLessThanOrEqual(expected * allowance);
    expect(await rows()).toEqual(before);
  },
);

test('a process agrees on its settings in two statements where settings and lanes are there already', async () => {
  const proxy = await startProxy(database.url);
  const agreed = { lanes: defaults.lanes, modelHash: model.hash };
  const client = new Database({ url: proxy.url, applicationName: 'test', connectionsMax: 1 });
  onTestFinished(() => client.close());
  await agree(client, agreed);
  const before = proxy.statements;
  await agree(client, agreed);
  expect(proxy.statements - before).toBe(2);
});
