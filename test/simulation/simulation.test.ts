// The product's own code over a simulated PostgreSQL, network and clock: many small deployments, each with faults of
// its own. A seed that fails says so, and fails again alone:
//   node --conditions=source --import tsx test/simulation/replay.ts SEED

import { expect, test } from 'vitest';
import { countOf, isWide } from '../support/breadth.ts';
import { runSeeds } from './run-seeds.ts';

const from = Number(process.env['SLUICE_SIMULATION_SEED'] ?? 1);
const seeds = countOf('SLUICE_SIMULATION_SEEDS', 50, 500);

test(
  'no seed loses, doubles or reorders a write',
  async () => {
    const half = Math.ceil(seeds / 2);
    const reports = await Promise.all([
      runSeeds({ from, count: half }),
      runSeeds({ from: from + half, count: seeds - half }),
    ]);
    console.log(JSON.stringify(reports));
    expect(reports.flatMap(({ failed }) => failed ?? [])).toEqual([]);
    expect(reports.reduce((sum, report) => sum + report.seeds, 0)).toBe(seeds);
    // Worth something only if clients met each other and faults.
    for (const name of ['ok', 'fail', 'info', 'recovered'] as const)
      expect(reports.reduce((sum, report) => sum + report[name], 0)).toBeGreaterThan(0);
  },
  120_000 + seeds * 1000,
);

test.runIf(isWide)(
  'a seed is the same each time',
  async () => {
    const [one, other] = await Promise.all([
      runSeeds({ from: 7, count: 3 }),
      runSeeds({ from: 9, count: 1 }).then(() => runSeeds({ from: 7, count: 3 })),
    ]);
    expect({ ...one, seconds: 0 }).toEqual({ ...other, seconds: 0 });
  },
  120_000,
);
