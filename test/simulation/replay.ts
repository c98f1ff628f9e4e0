// node --conditions=source --import tsx test/simulation/replay.ts SEED: one seed again; its recordings, if it fails, go to
// standard error.

import { runSeeds } from './run-seeds.ts';

const from = Number(process.argv[2]);
if (!Number.isInteger(from)) {
  console.error(`Cannot replay: this is no seed: ${process.argv[2]}`);
  process.exit(2);
}
const report = await runSeeds({ from, count: 1, onTrace: (recordings) => console.error(recordings) });
console.log(JSON.stringify(report, null, 2));
process.exitCode = report.failed === null ? 0 : 1;
