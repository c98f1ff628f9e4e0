// A minute under attack: processes killed and frozen, connections cut and silenced, PostgreSQL crashed and restarted, while
// clients write. SLUICE_CHAOS_SEED chooses another minute; `npm run chaos` runs for as long as one likes.

import { expect, test } from 'vitest';
import { runChaos } from './chaos.ts';

const seed = Number(process.env['SLUICE_CHAOS_SEED'] ?? 20_261);
const durationMs = 60_000;
const killsMin = 30;

test('nobody loses a write in a minute of faults', async () => {
  const report = await runChaos({
    seed,
    durationMs,
    killsMin,
    faultIntervalMs: 1000,
    clients: 64,
    rate: 200,
    streams: 4,
  });
  console.log(JSON.stringify(report));
  const { findings, isSound, calmAfterMs, kills, ok } = report;
  expect(findings, `seed ${seed}`).toEqual([]);
  expect(isSound, `seed ${seed}`).toBe(true);
  expect(calmAfterMs, `seed ${seed}: nothing may wait, and every lane is led`).not.toBeNull();
  // Worth something only if something was done, and enough was done to it.
  expect(ok).toBeGreaterThan(100);
  expect(kills).toBeGreaterThanOrEqual(killsMin);
}, 240_000);
