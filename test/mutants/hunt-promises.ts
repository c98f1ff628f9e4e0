// Hunts for each mutant of the parts' play by the simulation's seeds, until the general check notices it.

import { runSeeds } from '../simulation/run-seeds.ts';
import { promiseMutants } from './promise-mutants.ts';

const seedsMax = Number(process.env['SLUICE_MUTANT_SEEDS'] ?? 500);

/** True: all that were hunted are caught. */
export async function huntPromises(wanted: string): Promise<boolean> {
  const rows: Record<string, string | number>[] = [];
  let survivors = 0;
  for (const { name, faults, without } of promiseMutants) {
    if (!name.includes(wanted)) continue;
    const { seeds, seconds, failed } = await runSeeds({ from: 1, count: seedsMax, faults });
    if (failed === null) survivors += 1;
    rows.push({
      mutant: name,
      without: without.join(', '),
      caught: failed === null ? 'SURVIVES' : `seed ${failed.seed}`,
      seeds,
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
