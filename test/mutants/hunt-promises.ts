// Hunts for each mutant of the parts' play by the simulation's seeds, until the general check notices it.

import { runSeeds } from '../simulation/run-seeds.ts';
import { promiseMutants, type PromiseMutant } from './promise-mutants.ts';
import { Report } from './report.ts';

const seedsMax = Number(process.env['SLUICE_MUTANT_SEEDS'] ?? 500);

export async function huntPromises(wanted: string): Promise<Report> {
  const report = new Report();
  for (const each of promiseMutants) {
    const [name] = each.mutant;
    if (name.includes(wanted)) report.add(name, await hunt(each));
  }
  return report;
}

async function hunt({ mutant: [, ...faults], without }: PromiseMutant): Promise<string | null> {
  const guards = Object.values(without).flat();
  const gone = guards.length === 0 ? '' : `, without ${Object.keys(without).join(', ')}`;
  /** Seeds that fail without the fault, too, for the lack of its guards. */
  let passedOver = 0;
  for (let seeds = 0; seeds < seedsMax;) {
    const report = await runSeeds({
      from: seeds + 1,
      count: seedsMax - seeds,
      faults: [...guards, ...faults],
    });
    seeds += report.seeds;
    if (report.failed === null) break;
    const { seed, findings } = report.failed;
    const isItsOwn =
      guards.length === 0 || (await runSeeds({ from: seed, count: 1, faults: guards })).failed === null;
    if (isItsOwn) return `seed ${seed}${gone} (${passedOver} passed over): ${findings[0] ?? ''}`;
    passedOver += 1;
  }
  return null;
}
