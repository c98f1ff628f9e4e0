// Runs the scripts of conformance on the simulated server; started in a copy of the product.

import { schemaVersion, Session } from 'sluice/internal/store';
import { clock, SimulatedProcess, takeOverTime } from './clock.ts';
import { runScript, scripts } from './conformance-scripts.ts';
import { network } from './network.ts';
import { Server } from './server.ts';

takeOverTime();
const results: Record<string, string[]> = {};
clock.begin(1);
network.begin(new Server(schemaVersion));
const open = (): Promise<Session> =>
  Session.open({ url: 'postgres://simulated', applicationName: 'conformance' });
/** By then, in simulated time, every process that can continue has continued. */
const areWaiting = (): Promise<boolean> =>
  new Promise((resolve) => {
    setTimeout(resolve, 300, true);
  });
/** The simulated server tells an error when the transaction has given up everything. */
const untilAborted = (): Promise<void> => Promise.resolve();
let isOver = false;
clock.as(new SimulatedProcess('conformance'), () => {
  void (async () => {
    const session = await open();
    await session.run('createLanes', [4]);
    for (const [name, steps] of Object.entries(scripts))
      results[name] = await runScript(steps, { open, areWaiting, untilAborted });
    isOver = true;
  })();
});
await clock.run(() => isOver, 600_000);
process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
