// What many data stores cost, in less than two minutes on a quiet machine: one server, so many databases, two nodes and two writers as processes. Prints the CPU and the
// connections while all stores sleep, the time of the first write to a sleeping store, and both again with some stores open.
//
//   npm run build && node --conditions=source --import tsx test/scripts/stores.ts
//
// --stores=200 --idle-seconds=20 --samples=40

import { loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { StoreFleet } from '../support/store-fleet.ts';
import { firstWrites, idleCost } from '../support/sleeping-stores.ts';

const { values: options } = parseArgs({
  options: {
    stores: { type: 'string', default: '200' },
    'idle-seconds': { type: 'string', default: '20' },
    samples: { type: 'string', default: '40' },
  },
});
const stores = Number(options.stores);
/** Shorter than the default, so that the run is: stores sleep again between the samples. */
const storeIdleMs = 5000;

const fleet = await StoreFleet.start({ stores, servers: 1, args: ['--store-idle-ms', String(storeIdleMs)] });
try {
  console.log(`${stores} stores, 2 nodes, 2 writers; load average before: ${loadavg()[0]?.toFixed(1)}`);
  // Both writers look into every store once.
  const startedAt = performance.now();
  while (performance.now() - startedAt < 15_000 && (await fleet.connections()) > 10) await pause(500);
  const asleep = await idleCost(fleet, Number(options['idle-seconds']));
  console.log(`asleep (goal: processes < 25 %, < 400 connections): ${asleep}`);
  const first = await firstWrites(fleet, Number(options.samples));
  console.log(`first write to a sleeping store (goal: < 1000 ms): ${first}`);
  console.log(`a few open: ${await idleCost(fleet, 3)}`);
  await pause(2 * storeIdleMs);
  console.log(`asleep again: ${await idleCost(fleet, 10)}`);
} finally {
  await fleet.stop();
}
