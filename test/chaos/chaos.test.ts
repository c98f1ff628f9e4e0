// Some seconds under attack, in a wide run a minute: processes killed and frozen, connections cut and silenced, PostgreSQL crashed and restarted, while
// clients write documents and rows. SLUICE_CHAOS_SEED chooses other faults; `npm run chaos` runs for as long as one likes.

import { expect, test } from 'vitest';
import { countOf } from '../support/breadth.ts';
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
