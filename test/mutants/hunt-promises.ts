// Hunts for each mutant of the parts' play by the simulation's seeds, until the general check notices it.

import { runSeeds, type SeedsReport } from '../simulation/run-seeds.ts';
import { promiseMutants, type PromiseMutant } from './promise-mutants.ts';

const seedsMax = Number(process.env['SLUICE_MUTANT_SEEDS'] ?? 500);

interface Hunt {
  seeds: number;
  seconds: number;
  /** Seeds that fail without the fault, too, for the lack of its guards. */
  passedOver: number;
  failed: SeedsReport['failed'];
}

async function hunt({ faults, without }: PromiseMutant): Promise<Hunt> {
  const guards = Object.values(without).flat();
  const found: Hunt = { seeds: 0, seconds: 0, passedOver: 0, failed: null };
  while (found.seeds < seedsMax) {
    const from = found.seeds + 1;
    const report = await runSeeds({ from, count: seedsMax - found.seeds, faults: [...guards, ...faults] });
    found.seeds += report.seeds;
    found.seconds = Math.round((found.seconds + report.seconds) * 10) / 10;
    if (report.failed === null) break;
    const { seed } = report.failed;
    const isItsOwn =
      guards.length === 0 || (await runSeeds({ from: seed, count: 1, faults: guards })).failed === null;
    if (isItsOwn) return { ...found, failed: report.failed };
    found.passedOver += 1;
  }
  return found;
}

/** True: all that were hunted are caught. */
export async function huntPromises(wanted: string): Promise<boolean> {
  const rows: Record<string, string | number>[] = [];
  let survivors = 0;
  for (const mutant of promiseMutants) {
    if (!mutant.name.includes(wanted)) continue;
    const { seeds, seconds, passedOver, failed } = await hunt(mutant);
    if (failed === null) survivors += 1;
    rows.push({
      mutant: mutant.name,
      without: Object.keys(mutant.without).join(', '),
      caught: failed === null ? 'SURVIVES' : `seed ${failed.seed}`,
      seeds,
      passedOver,
      seconds,
      because: (failed?.findings[0] ?? '').slice(0, 70),
    });
    console.error(JSON.stringify(rows.at(-1)));
  }
  console.table(rows);
  const caught = rows.filter(({ caught: how }) => how !== 'SURVIVES');
  const mean = caught.reduce((sum, { seeds }) => sum + Number(seeds), 0) / Math.max(1, caught.length);
  console.log(
    `${rows.length - survivors} of ${rows.length} mutants of the promises are caught, after ${mean.toFixed(1)} seeds on average`,
  );
  return survivors === 0;
}
