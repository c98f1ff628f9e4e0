// Shows that the tests can fail: plants faults, one at a time, into a copy of the product, and says which are not noticed.
// Run: npm run test:mutants -- [--plan | --promises | --security | --targets] [--only WORDS]
// `--plan`: faults of the plan, noticed by its property; `--promises`: of how the parts play together, by the seeds of the
// simulation; `--security`: of what guards documents, by the test that is named with them; `--targets`:
// of writes to tables, functions and handlers, in the same way. Without one of these: all.
// `--only`: those whose name has these words, of security and targets also those whose test's name has them.

import { parseArgs } from 'node:util';
import { huntPlan } from './hunt-plan.ts';
import { huntPromises } from './hunt-promises.ts';
import { huntSecurity, huntTargets } from './hunt-security.ts';

const hunts = { plan: huntPlan, promises: huntPromises, security: huntSecurity, targets: huntTargets };
const { values } = parseArgs({
  options: {
    plan: { type: 'boolean' },
    promises: { type: 'boolean' },
    security: { type: 'boolean' },
    targets: { type: 'boolean' },
    only: { type: 'string', default: '' },
  },
});

const kinds = ['plan', 'promises', 'security', 'targets'] as const;
const asked = kinds.filter((kind) => values[kind]);
let tried = 0;
const survivors: string[] = [];
for (const kind of asked.length === 0 ? kinds : asked) {
  const report = await hunts[kind](values.only);
  report.print();
  tried += report.tried;
  survivors.push(...report.survivors);
}
console.log(`${tried - survivors.length} of ${tried} mutants are caught`);
for (const name of survivors) console.error(`Survives: ${name}`);
process.exitCode = tried > 0 && survivors.length === 0 ? 0 : 1;
