/** The data stores of one process share the trial that decides whether their batches wait (docs/performance.md, Gathering). */
import { GatheringTrial, ServerPlaces } from 'sluice/internal/protocol';
import { expect, test } from 'vitest';
import type { ApiValues } from './api-settings.ts';
import { openNode, prepareNodes } from './open-node.ts';
import { openWriter, prepareWriters } from './open-writer.ts';
import type { WriterValues } from './writer-settings.ts';

const common = { logLevel: 'silent', projectionModules: [], targets: [] };
const limits = { documentBytesMax: 1000, bodyBytesMax: 1000 };
const placeOf = (store: string) => {
  const url = `postgres://127.0.0.1:1/${store}`;
  return { url, listenUrl: url, operatorUrl: url, schema: 'sluice', store };
};

/** A trial that has shown a gain. */
function gained(): GatheringTrial {
  let now = 0;
  const trial = new GatheringTrial(() => now);
  for (; now < 5000; now += 10) trial.note({}, trial.gathers ? 20 : 10, 10);
  expect(trial.gain).toBeGreaterThan(0.1);
  return trial;
}

test('the writers of a process share one trial', async () => {
  const values = { ...common } as unknown as WriterValues;
  const shared = { ...(await prepareWriters(values)), gatheringTrial: gained() };
  for (const store of ['north', 'south']) {
    const { writer } = openWriter(values, shared, placeOf(store));
    expect(writer.status().gathering.gain).toBe(shared.gatheringTrial.gain);
  }
});

test.each(['writer', 'node'])('the stores of a %s share the places of their server', async (kind) => {
  const asked: string[] = [];
  const serverPlaces = new ServerPlaces();
  const of = serverPlaces.of.bind(serverPlaces);
  serverPlaces.of = (server) => {
    asked.push(server);
    return of(server);
  };
  const api = { ...common, mode: 'coordinated', dashboard: 'off', basePath: '', auth: 'none', ...limits };
  const values = api as unknown as ApiValues & WriterValues;
  for (const store of ['north', 'south']) {
    if (kind === 'writer')
      openWriter(values, { ...(await prepareWriters(values)), serverPlaces }, placeOf(store));
    else {
      const node = await openNode(values, { ...(await prepareNodes(values)), serverPlaces }, placeOf(store));
      await node.closeOthers();
    }
  }
  expect(asked).toHaveLength(2);
  expect(new Set(asked).size).toBe(1);
});

test('the nodes of a process share one trial', async () => {
  const values = { ...common, mode: 'coordinated', dashboard: 'off', basePath: '', auth: 'none', ...limits };
  const shared = { ...(await prepareNodes(values as unknown as ApiValues)), gatheringTrial: gained() };
  for (const store of ['north', 'south']) {
    const node = await openNode(values as unknown as ApiValues, shared, placeOf(store));
    expect(node.client.usage().gathering?.gain).toBe(shared.gatheringTrial.gain);
    await node.closeOthers();
  }
});

test('the batches of a process with one store have trials of their own', async () => {
  expect(await prepareWriters({ ...common } as unknown as WriterValues)).toMatchObject({
    gatheringTrial: undefined,
    serverPlaces: undefined,
  });
  const many = { ...common, stores: 'stores.json' } as unknown as WriterValues;
  const { gatheringTrial, serverPlaces } = await prepareWriters(many);
  expect(gatheringTrial).toBeInstanceOf(GatheringTrial);
  expect(serverPlaces).toBeInstanceOf(ServerPlaces);
});
