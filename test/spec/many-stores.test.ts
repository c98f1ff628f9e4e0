// Two hundred data stores on one server, with two nodes and two writers as processes: in a wide run only.

import { expect, onTestFinished, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { eventually } from '../support/eventually.ts';
import { firstWrites, idleCost } from '../support/sleeping-stores.ts';
import { StoreFleet } from '../support/store-fleet.ts';

test.runIf(isWide)(
  'two hundred sleeping stores take a few connections, and the first write to each of some is answered',
  async () => {
    const fleet = await StoreFleet.start({
      stores: 200,
      servers: 1,
      schemas: 20,
      args: ['--store-idle-ms', '2000'],
    });
    onTestFinished(() => fleet.stop());
    // The writers look into every store once.
    await eventually(async () => expect(await fleet.connections()).toBeLessThan(10));
    console.log(`asleep: ${await idleCost(fleet, 2)}`);
    let most = 0;
    const counting = setInterval(() => {
      void fleet.connections().then((count) => (most = Math.max(most, count)));
    }, 200);
    onTestFinished(() => clearInterval(counting));
    console.log(`first write to a sleeping store: ${await firstWrites(fleet, 8)}`);
    clearInterval(counting);
    console.log(`connections at most: ${most}`);
    expect(most).toBeLessThan(400);
    await eventually(async () => expect(await fleet.connections()).toBeLessThan(10));
  },
  240_000,
);
