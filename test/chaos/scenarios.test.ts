// The scenarios in a very short form: that they come to an end and nothing is lost, never how fast.

import { expect, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { runScenario } from './run-scenario.ts';
import { runWaiting } from './waiting.ts';

const seed = Number(process.env['SLUICE_CHAOS_SEED'] ?? 20_261);

test.runIf(isWide)(
  'no write is lost when every writer is killed at the same time',
  async () => {
    const report = await runScenario({ name: 'crash_recovery', seed, windowMs: 1000 });
    const { findings, isSound, calmAfterMs, ok } = report;
    expect(findings, `seed ${seed}`).toEqual([]);
    expect(isSound, `seed ${seed}`).toBe(true);
    expect(calmAfterMs, `seed ${seed}: nothing may wait, and every lane is led`).not.toBeNull();
    expect(ok).toBeGreaterThan(0);
  },
  240_000,
);

test.runIf(isWide)(
  'requests that wait for a writer are answered when one comes, and those beyond the bound are refused',
  async () => {
    const { findings, isSound, waiting, ok, refusals } = await runWaiting({ waiting: 400 });
    expect(findings).toEqual([]);
    expect(isSound).toBe(true);
    expect([waiting, ok]).toEqual([400, 400]);
    expect(new Set(refusals.map(({ status, code }) => `${status} ${code}`))).toEqual(
      new Set(['503 overloaded']),
    );
  },
  240_000,
);
