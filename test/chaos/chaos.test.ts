// Some seconds under attack, in a wide run a minute: processes killed and frozen, connections cut and silenced, PostgreSQL crashed and restarted, while
// clients write documents and rows. SLUICE_CHAOS_SEED chooses other faults; `npm run chaos` runs for as long as one likes.

import { expect, test } from 'vitest';
import { countOf, isWide } from '../support/breadth.ts';
import { runStoresChaos } from './chaos-stores.ts';
import { runChaos } from './chaos.ts';

const seed = Number(process.env['SLUICE_CHAOS_SEED'] ?? 20_261);
const durationMs = 1000 * countOf('SLUICE_CHAOS_SECONDS', 15, 60);
const killsMin = durationMs / 2000;
const ackedMin = 100;

test('no write is lost while processes, connections and PostgreSQL fail', async () => {
  const report = await runChaos({
    seed,
    durationMs,
    killsMin,
    ackedMin,
    faultIntervalMs: 1000,
    clients: 48,
    rate: 200,
    streams: 4,
  });
  console.log(JSON.stringify(report));
  const { findings, isSound, calmAfterMs, kills, ok, rows } = report;
  expect(findings, `seed ${seed}`).toEqual([]);
  expect(isSound, `seed ${seed}`).toBe(true);
  expect(calmAfterMs, `seed ${seed}: nothing may wait, and every lane is led`).not.toBeNull();
  // Worth something only if something was done, and enough was done to it.
  expect(Math.min(ok, rows.ok)).toBeGreaterThanOrEqual(ackedMin);
  expect(kills).toBeGreaterThanOrEqual(killsMin);
}, 240_000);

test.runIf(isWide)(
  'no write of three data stores on two servers is lost, and a store goes on while the server of the others is down',
  async () => {
    const options = { seed, stores: 3, durationMs: 15_000, faultIntervalMs: 1000 };
    const report = await runStoresChaos({ ...options, clients: 8, rowClients: 4, rate: 50, streams: 2 });
    console.log(JSON.stringify(report));
    for (const [name, { findings, ok }] of Object.entries(report.stores)) {
      expect(findings, `seed ${seed}, store ${name}`).toEqual([]);
      expect(ok).toBeGreaterThan(0);
    }
    expect(report.isSound, `seed ${seed}`).toBe(true);
    expect(report.calmAfterMs, `seed ${seed}: nothing may wait, and every lane is led`).not.toBeNull();
    expect(report.besideServer.duringPerSecond).toBeGreaterThan(0);
  },
  300_000,
);
