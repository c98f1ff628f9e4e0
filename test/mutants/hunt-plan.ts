// Shows that the property of the plan can fail: puts one fault at a time into a copy of the plan's package and counts the
// cases until the property notices.

import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import type { planBatch as PlanBatch } from 'sluice/internal/batch';
import { planCase } from '../support/plan-case.ts';
import { runPlanCase } from '../support/plan-run.ts';
import { at, type Mutant } from './mutant.ts';
import { root } from './places.ts';
import { planMutants } from './plan-mutants.ts';
import { Report } from './report.ts';

const seeds = [1, 2, 3];
const casesMax = Number(process.env['SLUICE_PROPERTY_CASES'] ?? 5000);

export async function huntPlan(wanted: string): Promise<Report> {
  const report = new Report();
  const hunted = planMutants.filter(([name]) => name.includes(wanted));
  for (const mutant of hunted.length === 0 ? [] : [['no mutant'] as Mutant, ...hunted]) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-mutants-'));
    try {
      const because = firstFailure(await load(folder, mutant));
      if (mutant.length > 1) report.add(mutant[0], because);
      else if (because !== null) throw new Error(`The property fails without any mutant: ${because}`);
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  return report;
}

async function load(folder: string, [, ...faults]: Mutant): Promise<typeof PlanBatch> {
  const { file } = at('planBatch');
  // The copy imports the workspace's packages.
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const sources = file.replace(/\/src\/.*$/, '/src');
  const manifest = sources.replace(/src$/, 'package.json');
  for (const path of [sources, manifest]) await cp(join(root, path), join(folder, path), { recursive: true });
  for (const fault of faults) await fault.plant(folder);
  return ((await import(pathToFileURL(join(folder, file)).href)) as { planBatch: typeof PlanBatch })
    .planBatch;
}

/** The first case that tells the plan from writes applied one at a time. */
function firstFailure(planBatch: typeof PlanBatch): string | null {
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
    const { failed, numRuns } = fc.check(property, { seed, numRuns: casesMax, endOnFailure: true });
    if (failed) return `seed ${seed}, case ${numRuns}: ${because}`;
  }
  return null;
}
