// Shows that the property can fail: puts one fault at a time into a copy of the plan and counts the cases until the
// property notices. With --promises: faults in how the parts play together, hunted by the seeds of the simulation;
// with --security: faults in what guards documents, each to be noticed by a test that is named with it.
// Run: npm run test:mutants -- [--promises | --security] [words of a mutant's name; of security, or of its test file's]

import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import type { planBatch as PlanBatch } from '@sluice/batch';
import { plant } from '../simulation/overlay.ts';
import { planCase } from '../support/plan-case.ts';
import { runPlanCase } from '../support/plan-run.ts';
import { huntPromises } from './hunt-promises.ts';
import { huntSecurity } from './hunt-security.ts';
import { mutants, type Mutant } from './mutants.ts';

const root = resolve(import.meta.dirname, '../..');
const seeds = [1, 2, 3];
const casesMax = Number(process.env['SLUICE_PROPERTY_CASES'] ?? 5000);

interface Catch {
  seed: number;
  /** Number of the case that failed. */
  at: number;
  because: string;
}

const [first, ...others] = process.argv.slice(2);
if (first === '--promises') process.exit((await huntPromises(others.join(' '))) ? 0 : 1);
if (first === '--security') process.exit((await huntSecurity(others.join(' '))) ? 0 : 1);

const folder = await mkdtemp(join(tmpdir(), 'sluice-mutants-'));
try {
  process.exitCode = (await run(process.argv.slice(2).join(' '))) ? 0 : 1;
} finally {
  await rm(folder, { recursive: true });
}

async function run(wanted: string): Promise<boolean> {
  // The copies import the workspace's packages.
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const healthy = hunt(await load('healthy', null));
  if (healthy !== null) {
    console.error(`The property fails without any mutant: seed ${healthy.seed}, ${healthy.because}`);
    return false;
  }
  const rows: { mutant: string; caught: string; because: string }[] = [];
  let survivors = 0;
  for (const [index, mutant] of mutants.entries()) {
    if (!mutant.name.includes(wanted)) continue;
    const caught = hunt(await load(String(index), mutant));
    if (caught === null) survivors += 1;
    rows.push({
      mutant: mutant.name,
      caught: caught === null ? 'SURVIVES' : `seed ${caught.seed}, case ${caught.at}`,
      because: caught?.because.slice(0, 60) ?? '',
    });
  }
  console.table(rows);
  console.log(`${rows.length - survivors} of ${rows.length} mutants are caught`);
  return survivors === 0;
}

async function load(name: string, mutant: Mutant | null): Promise<typeof PlanBatch> {
  const copy = join(folder, name);
  await cp(join(root, 'packages/batch/src'), copy, { recursive: true });
  if (mutant !== null) await plant(copy, mutant);
  const { planBatch } = (await import(pathToFileURL(join(copy, 'documents/plan-batch.ts')).href)) as {
    planBatch: typeof PlanBatch;
  };
  return planBatch;
}

/** The first case that tells the plan from writes applied one at a time. */
function hunt(planBatch: typeof PlanBatch): Catch | null {
  for (const seed of seeds) {
    let because = '';
    const property = fc.property(planCase(), (each) => {
      try {
        runPlanCase(each, planBatch);
      } catch (error) {
        because = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
        return false;
      }
      return true;
    });
    const details = fc.check(property, { seed, numRuns: casesMax, endOnFailure: true });
    if (details.failed) return { seed, at: details.numRuns, because };
  }
  return null;
}
